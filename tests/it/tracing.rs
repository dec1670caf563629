//! Traces and log lines follow a request wherever its command goes, and do not identify the caller.

mod cluster;
mod collector;
mod lines;
mod spans;
