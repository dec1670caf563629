//! Classes, applications for them, and what administrators decide.

pub mod bodies;
pub mod certificate;
pub mod dashboard;
pub mod decisions;
pub mod desk;
pub mod enrollment;
pub mod enrollments;
pub mod exports;
pub mod mclasses;
