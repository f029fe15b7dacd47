//! Spin's templates: text with `{{ variable }}` in it.

use std::collections::BTreeMap;

use thiserror::Error;

/// A parsed template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Literal(String),
    Variable(String),
}

/// Why a template cannot be used.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum TemplateError {
    /// A `{{` that nothing closes.
    #[error("`{{{{` without `}}}}` in {0:?}")]
    Unclosed(String),
    /// A name that the application does not declare.
    #[error("it refers to the variable {0:?}, which [variables] does not declare")]
    Undeclared(String),
    /// A declared variable without a value.
    #[error("the variable {0:?} has neither a value nor a default; set SPIN_VARIABLE_{upper}", upper = .0.to_uppercase())]
    Unset(String),
}

impl Template {
    /// Reads a template.
    ///
    /// # Errors
    /// [`TemplateError::Unclosed`].
    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((literal, after)) = rest.split_once("{{") {
            if !literal.is_empty() {
                parts.push(Part::Literal(literal.to_owned()));
            }
            let (name, tail) =
                after.split_once("}}").ok_or_else(|| TemplateError::Unclosed(text.to_owned()))?;
            parts.push(Part::Variable(name.trim().to_owned()));
            rest = tail;
        }
        if !rest.is_empty() {
            parts.push(Part::Literal(rest.to_owned()));
        }
        Ok(Self { parts })
    }

    /// Puts the values in. `None` is a declared variable that has no value.
    ///
    /// # Errors
    /// [`TemplateError::Undeclared`] and [`TemplateError::Unset`].
    pub fn resolve(&self, values: &BTreeMap<String, Option<String>>) -> Result<String, TemplateError> {
        self.parts
            .iter()
            .map(|part| match part {
                Part::Literal(text) => Ok(text.as_str()),
                Part::Variable(name) => match values.get(name) {
                    Some(Some(value)) => Ok(value.as_str()),
                    Some(None) => Err(TemplateError::Unset(name.clone())),
                    None => Err(TemplateError::Undeclared(name.clone())),
                },
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn values() -> BTreeMap<String, Option<String>> {
        BTreeMap::from([("host".to_owned(), Some("db".to_owned())), ("secret".to_owned(), None)])
    }

    fn resolve(text: &str) -> Result<String, TemplateError> {
        Template::parse(text)?.resolve(&values())
    }

    #[test]
    fn variables_are_put_in_with_or_without_spaces() {
        assert_eq!(resolve("http://{{ host }}:80/{{host}}").as_deref(), Ok("http://db:80/db"));
        assert_eq!(resolve("").as_deref(), Ok(""));
        assert_eq!(resolve("a } b }} c").as_deref(), Ok("a } b }} c"));
    }

    #[test]
    fn each_mistake_has_its_error() {
        assert_eq!(resolve("x {{ host"), Err(TemplateError::Unclosed("x {{ host".to_owned())));
        assert_eq!(resolve("{{ other }}"), Err(TemplateError::Undeclared("other".to_owned())));
        let unset = resolve("{{ secret }}").unwrap_err();
        assert_eq!(unset, TemplateError::Unset("secret".to_owned()));
        assert!(unset.to_string().contains("SPIN_VARIABLE_SECRET"));
    }

    proptest! {
        #[test]
        fn text_without_braces_is_unchanged(text in "[^{]*") {
            prop_assert_eq!(resolve(&text), Ok(text));
        }
    }
}
