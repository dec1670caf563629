//! The enrollment forms of classes.

#[expect(clippy::module_inception, reason = "the resource has the name of its capability")]
pub mod forms;
