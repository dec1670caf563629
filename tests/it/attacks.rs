//! Attacks that are generated: each operation of the API document and each route of the pages is
//! tried, and one that the tests do not know fails them.

mod bodies;
mod forms;
mod ids;
mod keys;
mod money;
mod names;
mod pages;
mod parameters;
mod samples;
mod staff;
mod stage;
mod tokens;

use admitone::http::staff::listed;
use serde_json::Value;

/// An operation of the API document.
struct Operation {
    path: String,
    method: String,
    described: Value,
}

impl Operation {
    /// Returns all operations of a document.
    fn all(document: &Value) -> Vec<Self> {
        let found = crate::http::document::operations(document).into_iter();
        found.map(|(path, method, described)| Self { path, method, described }).collect()
    }

    fn name(&self) -> String {
        format!("{} {}", self.method.to_uppercase(), self.path)
    }

    /// True if no customer may use it.
    fn is_of_staff(&self) -> bool {
        let method = self.method.to_uppercase();
        let of_staff = |rule: &admitone::http::staff::Listed| {
            rule.path == self.path && rule.method == method && !rule.is_shared
        };
        listed().iter().any(of_staff)
    }

    /// True if it answers none without a token.
    fn needs_token(&self) -> bool {
        self.described["security"] == serde_json::json!([{"bearer": []}])
    }

    /// Returns the schema of the body, if it is JSON.
    fn body(&self) -> Option<&Value> {
        let body = &self.described["requestBody"]["content"]["application/json"]["schema"];
        (!body.is_null()).then_some(body)
    }

    fn parameters<'a>(&'a self, document: &'a Value) -> Vec<&'a Value> {
        let listed = self.described["parameters"].as_array().into_iter().flatten();
        listed.map(|one| crate::http::conformance::resolved(document, one)).collect()
    }
}
