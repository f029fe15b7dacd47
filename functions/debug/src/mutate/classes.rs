//! Changes of functions' and classes' heads.

use ruff_python_ast::{Expr, Stmt, StmtClassDef, StmtFunctionDef};
use ruff_text_size::{Ranged, TextRange, TextSize};
use strsim::osa_distance;

use super::{Edit, Maker, Role};

/// Special methods that beginners write, to find what a misspelt one was meant to be.
const SPECIAL: &[&str] = &[
    "__init__",
    "__str__",
    "__repr__",
    "__eq__",
    "__len__",
    "__add__",
    "__lt__",
    "__iter__",
    "__next__",
    "__getitem__",
    "__contains__",
];

impl<'a> Maker<'a> {
    pub(crate) fn function(&mut self, def: &'a StmtFunctionDef) {
        let in_class = self.scope.qualified_names().next().is_some_and(|name| name != "<module>")
            && !self.scope.in_function();
        self.at(def, &TextRange::empty(def.parameters.end()));
        let name = def.name.as_str();
        for special in SPECIAL.iter().filter(|special| in_class && **special != name) {
            let bare = special.trim_matches('_');
            if osa_distance(name, special) <= 3 && name.starts_with('_') || name.trim_matches('_') == bare {
                self.put_range(def.name.range, *special, "special-name-misspelt", 0.9);
            }
        }
        let parameters: Vec<_> = def.parameters.iter_non_variadic_params().collect();
        if in_class
            && parameters.first().is_none_or(|first| first.name().as_str() != "self")
            && def.decorator_list.is_empty()
        {
            let at = def.parameters.start() + TextSize::new(1);
            let text = if parameters.is_empty() { "self" } else { "self, " };
            self.put_range(TextRange::empty(at), text, "self-parameter-missing", 0.8);
        }
        for pair in parameters.windows(2).filter(|pair| pair[0].name().as_str() != "self") {
            let text = format!("{}, {}", self.program.text(pair[1]), self.program.text(pair[0]));
            self.put_range(TextRange::new(pair[0].start(), pair[1].end()), text, "parameters-swapped", 0.15);
        }
        for parameter in &parameters {
            if let Some(default) = parameter.default.as_deref() {
                self.mutable_default(def, parameter.name().as_str(), default);
                self.expr(default, Role::Value);
            }
        }
        self.scope.enter_function(def);
        self.function_starts(def);
        self.block(&def.body, None);
        self.scope.leave();
        self.scope.enter_function(def);
        def.body.iter().for_each(|inner| self.stmt(inner));
        self.scope.leave();
    }

    fn mutable_default(&mut self, def: &'a StmtFunctionDef, name: &str, default: &'a Expr) {
        if !matches!(default, Expr::List(_) | Expr::Dict(_) | Expr::Set(_) | Expr::Call(_)) {
            return;
        }
        let Some(first) = def
            .body
            .iter()
            .find(|stmt| !stmt.as_expr_stmt().is_some_and(|e| e.value.is_string_literal_expr()))
        else {
            return;
        };
        let line = self.program.line(first);
        if line == self.program.line(def) {
            return;
        }
        let indent = self.indent_of(line);
        let at = self.program.line_start(line);
        let value = self.program.text(default);
        let edits = vec![
            Edit {
                start: default.start().to_usize(),
                end: default.end().to_usize(),
                text: "None".to_owned(),
            },
            Edit {
                start: at,
                end: at,
                text: format!("{indent}if {name} is None:\n{indent}    {name} = {value}\n"),
            },
        ];
        self.put_edits(self.program.line(default), edits, "mutable-default", 0.9);
    }

    pub(crate) fn class(&mut self, class: &'a StmtClassDef) {
        self.scope.enter_class(class.name.as_str());
        let init = class
            .body
            .iter()
            .filter_map(Stmt::as_function_def_stmt)
            .find(|def| def.name.as_str() == "__init__");
        for stmt in &class.body {
            self.at(stmt, stmt);
            if let (Stmt::Assign(assign), Some(init)) = (stmt, init)
                && let ([Expr::Name(name)], Some(first)) = (&assign.targets[..], init.body.first())
                && matches!(&*assign.value, Expr::List(_) | Expr::Dict(_) | Expr::Set(_))
            {
                // One list for all objects, where each should have its own.
                let line = self.program.line(first);
                let (indent, at) = (self.indent_of(line), self.program.line_start(line));
                let value = self.program.text(&*assign.value);
                let text = format!("{indent}self.{} = {value}\n", name.id);
                self.put_edits(
                    self.program.line(stmt),
                    vec![Edit { start: at, end: at, text }],
                    "shared-attribute",
                    0.7,
                );
            }
        }
        self.block(&class.body, None);
        class.body.iter().for_each(|inner| self.stmt(inner));
        self.scope.leave();
    }
}
