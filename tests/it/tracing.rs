//! Traces and log lines follow a request wherever its command goes, and tell of nobody who asked.

mod cluster;
mod collector;
mod lines;
mod spans;
