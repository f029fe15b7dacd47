//! The names that can be used at a place in a program.

use ruff_python_ast::{Expr, Stmt, StmtFunctionDef};

use crate::{
    source::Program,
    syntax::{bound_names, each_expr, each_own_stmt, names_bound_by},
};

/// A function (or the module) and its variables.
#[derive(Clone, Debug, Default)]
struct Level<'a> {
    /// `Class.method`, `outer.<locals>.inner`, `<module>`.
    qualified: String,
    /// Parameters, then other variables, in order of appearance.
    variables: Vec<&'a str>,
    parameters: Vec<&'a str>,
    is_class: bool,
}

/// The names in scope: of the function, those around it, and the module.
#[derive(Clone, Debug)]
pub(crate) struct Scope<'a> {
    levels: Vec<Level<'a>>,
    /// Functions of the module and methods, which are called and rarely used as values.
    pub(crate) functions: Vec<&'a str>,
    /// Attributes that the program uses anywhere.
    pub(crate) attributes: Vec<&'a str>,
    /// Attributes of `self` that are assigned somewhere.
    pub(crate) fields: Vec<&'a str>,
    /// String literals of the program, as source text.
    pub(crate) texts: Vec<String>,
}

impl<'a> Scope<'a> {
    pub(crate) fn of_module(program: &'a Program) -> Self {
        let body = program.body();
        let mut functions = Vec::new();
        let mut attributes = Vec::new();
        let mut fields = Vec::new();
        let mut texts: Vec<String> = Vec::new();
        crate::syntax::each_stmt(body, &mut |stmt| match stmt {
            Stmt::FunctionDef(def) => add(&mut functions, def.name.as_str()),
            Stmt::ClassDef(class) => add(&mut functions, class.name.as_str()),
            _ => {}
        });
        each_expr(body, &mut |expr| match expr {
            Expr::Attribute(attribute) => {
                let name = attribute.attr.as_str();
                add(&mut attributes, name);
                if attribute.ctx == ruff_python_ast::ExprContext::Store
                    && crate::syntax::name_of(&attribute.value) == Some("self")
                {
                    add(&mut fields, name);
                }
            }
            Expr::StringLiteral(_) => {
                let text = program.text(expr);
                if text.len() <= 24 && !texts.iter().any(|known| known == text) {
                    texts.push(text.to_owned());
                }
            }
            _ => {}
        });
        let mut variables = Vec::new();
        collect(body, &mut variables);
        variables.retain(|name| !functions.contains(name));
        let imported = |name: &&str| {
            body.iter().any(|stmt| {
                matches!(stmt, Stmt::Import(_) | Stmt::ImportFrom(_)) && names_bound_by(stmt).contains(name)
            })
        };
        variables.retain(|name| !imported(name));
        let module =
            Level { qualified: "<module>".to_owned(), variables, parameters: Vec::new(), is_class: false };
        Self { levels: vec![module], functions, attributes, fields, texts }
    }

    pub(crate) fn enter_function(&mut self, def: &'a StmtFunctionDef) {
        let mut parameters: Vec<&str> =
            def.parameters.iter().map(|parameter| parameter.name().as_str()).collect();
        parameters.retain(|name| !matches!(*name, "self" | "cls"));
        let mut variables = parameters.clone();
        collect(&def.body, &mut variables);
        let mut elsewhere: Vec<&str> = Vec::new();
        each_own_stmt(&def.body, &mut |stmt| match stmt {
            Stmt::FunctionDef(inner) => elsewhere.push(inner.name.as_str()),
            Stmt::Import(_) | Stmt::ImportFrom(_) => elsewhere.extend(names_bound_by(stmt)),
            _ => {}
        });
        variables.retain(|name| !elsewhere.contains(name));
        let qualified = self.qualify(def.name.as_str());
        self.levels.push(Level { qualified, variables, parameters, is_class: false });
    }

    pub(crate) fn enter_class(&mut self, name: &str) {
        let qualified = self.qualify(name);
        self.levels.push(Level { qualified, is_class: true, ..Level::default() });
    }

    pub(crate) fn leave(&mut self) {
        self.levels.pop();
    }

    fn qualify(&self, name: &str) -> String {
        match self.levels.last() {
            Some(level) if self.levels.len() > 1 && level.is_class => format!("{}.{name}", level.qualified),
            Some(level) if self.levels.len() > 1 => format!("{}.<locals>.{name}", level.qualified),
            _ => name.to_owned(),
        }
    }

    /// Qualified names of the functions around, innermost first.
    pub(crate) fn qualified_names(&self) -> impl Iterator<Item = &str> {
        self.levels.iter().rev().map(|level| level.qualified.as_str())
    }

    /// Variables that can be read here, the function's own first.
    pub(crate) fn variables(&self) -> Vec<&'a str> {
        let mut names = Vec::new();
        for level in self.levels.iter().rev().filter(|level| !level.is_class) {
            for name in &level.variables {
                add(&mut names, name);
            }
        }
        names
    }

    /// Variables of the innermost function alone.
    pub(crate) fn own_variables(&self) -> Vec<&'a str> {
        self.levels.last().map(|level| level.variables.clone()).unwrap_or_default()
    }

    /// Parameters of the innermost function, without `self`.
    pub(crate) fn parameters(&self) -> Vec<&'a str> {
        self.levels.last().map(|level| level.parameters.clone()).unwrap_or_default()
    }

    pub(crate) fn in_function(&self) -> bool {
        self.levels.len() > 1 && self.levels.last().is_some_and(|level| !level.is_class)
    }

    pub(crate) fn in_method(&self) -> bool {
        self.levels.len() > 2
            && self.levels.iter().rev().nth(1).is_some_and(|level| level.is_class)
            && self.in_function()
    }

    /// Whether a name is bound anywhere around here or in the module.
    pub(crate) fn knows(&self, name: &str) -> bool {
        self.levels.iter().any(|level| level.variables.contains(&name)) || self.functions.contains(&name)
    }
}

fn add<'a>(names: &mut Vec<&'a str>, name: &'a str) {
    if !names.contains(&name) {
        names.push(name);
    }
}

/// Names that the statements of one function bind, comprehensions' included.
fn collect<'a>(body: &'a [Stmt], names: &mut Vec<&'a str>) {
    each_own_stmt(body, &mut |stmt| {
        for name in names_bound_by(stmt) {
            add(names, name);
        }
    });
    for stmt in body.iter().filter(|stmt| !matches!(stmt, Stmt::FunctionDef(_) | Stmt::ClassDef(_))) {
        each_expr(std::slice::from_ref(stmt), &mut |expr| {
            let generators = match expr {
                Expr::ListComp(comprehension) => &comprehension.generators,
                Expr::SetComp(comprehension) => &comprehension.generators,
                Expr::DictComp(comprehension) => &comprehension.generators,
                Expr::Generator(generator) => &generator.generators,
                Expr::Named(named) => {
                    if let Some(name) = crate::syntax::name_of(&named.target) {
                        add(names, name);
                    }
                    return;
                }
                _ => return,
            };
            for generator in generators {
                let mut bound = Vec::new();
                bound_names(&generator.target, &mut bound);
                bound.into_iter().for_each(|name| add(names, name));
            }
        });
    }
}
