//! The benchmark as its user meets it: the real binary, its exit code, what it prints where.

mod binary;
mod command_line;
mod end_to_end;
mod fake_server;
mod unusual_servers;
