//! Classes, applications for them, and what administrators decide.

pub mod bodies;
pub mod decisions;
pub mod enrollment;
pub mod enrollments;
pub mod mclasses;
