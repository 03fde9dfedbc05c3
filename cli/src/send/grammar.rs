//! What lines look like, from their JSON Schema.

use std::sync::LazyLock;

use pricetime_gateway::json::Line;
use schemars::schema_for;
use serde_json::Value;

/// What a value may be. More than one of these may be possible.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Shape {
    /// Texts that it may be.
    pub(super) words: Vec<String>,
    /// Members that it may have, the required ones first.
    pub(super) members: Vec<Member>,
    pub(super) is_number: bool,
    pub(super) is_boolean: bool,
    pub(super) is_uuid: bool,
    /// Any text.
    pub(super) is_text: bool,
}

/// A member of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Member {
    pub(super) name: String,
    pub(super) is_required: bool,
    pub(super) shape: Shape,
}

/// The shape of a line. Its members are the kinds of lines.
pub(super) fn line() -> &'static Shape {
    static LINE: LazyLock<Shape> = LazyLock::new(|| {
        let schema = schema_for!(Line).to_value();
        let mut shape = Shape::default();
        shape.read(&schema, &schema);
        shape
    });
    &LINE
}

impl Shape {
    /// The member with this name.
    pub(super) fn member(&self, name: &str) -> Option<&Member> {
        self.members.iter().find(|member| member.name == name)
    }

    /// Adds what this schema allows. `root` has the definitions that it refers to.
    fn read(&mut self, schema: &Value, root: &Value) {
        let texts = |name| schema.get(name).and_then(Value::as_array).into_iter().flatten();
        if let Some(name) = schema.get("$ref").and_then(Value::as_str)
            && let Some(definition) = root.pointer(name.trim_start_matches('#'))
        {
            self.read(definition, root);
        }
        for choice in ["oneOf", "anyOf", "allOf"].into_iter().flat_map(texts) {
            self.read(choice, root);
        }
        let words = texts("enum").chain(schema.get("const")).filter_map(Value::as_str);
        let before = self.words.len();
        self.words.extend(words.map(str::to_owned));
        let types = schema.get("type").and_then(Value::as_str).into_iter();
        for kind in types.chain(texts("type").filter_map(Value::as_str)) {
            match kind {
                "integer" | "number" => self.is_number = true,
                "boolean" => self.is_boolean = true,
                "string" if schema.get("format").is_some_and(|it| it == "uuid") => {
                    self.is_uuid = true;
                }
                "string" if self.words.len() == before => self.is_text = true,
                _ => {}
            }
        }
        let required: Vec<_> = texts("required").filter_map(Value::as_str).collect();
        let members = schema.get("properties").and_then(Value::as_object).into_iter().flatten();
        for (name, schema) in members {
            let mut shape = Self::default();
            shape.read(schema, root);
            let is_required = required.contains(&name.as_str());
            self.members.push(Member { name: name.clone(), is_required, shape });
        }
        self.members.sort_by_key(|member| !member.is_required);
    }
}

#[cfg(test)]
mod tests {
    use super::line;

    #[test]
    fn shapes_follow_the_schema() {
        let place = &line().member("place").expect("place").shape;
        let of = |name: &str| &place.member(name).expect(name).shape;
        assert_eq!(of("side").words, ["buy", "sell"]);
        assert!(!of("side").is_text && of("account").is_uuid && of("market").is_number);
        assert!(of("price").is_text && of("post_only").is_boolean);
        assert!(of("time_in_force").words.contains(&"fill_or_kill".to_owned()));
        assert!(of("time_in_force").member("for_epochs").expect("epochs").shape.is_number);
        assert!(place.member("quantity").is_some_and(|it| it.is_required));
        assert!(place.member("price").is_some_and(|it| !it.is_required));
        assert!(line().members.len() >= 20, "{:?}", line());
    }
}
