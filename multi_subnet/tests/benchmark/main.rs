//! The benchmark as a user runs it: the real binary, its exit codes, and what it prints to which stream.

mod baseline;
mod binary;
mod browser;
mod command_line;
mod document_blocks;
mod document_pictures;
mod documented_trace;
mod documents;
mod end_to_end;
mod fake_server;
mod foreign_pairs;
mod measured;
mod motoko;
mod official_sample;
mod pages;
mod sweep;
mod traces;
mod unusual_servers;
