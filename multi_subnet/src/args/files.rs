//! The options for files that show what happened.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use candid::Principal;
use clap::{Args, ValueEnum};

use super::ServerChoice;
use crate::error::Error;
use crate::files::{check_file, check_folder};

/// The files that a run writes, besides its result. Except for a sweep, all of them need the embedded server.
#[derive(Args, Clone, Debug, Default)]
pub struct FileArgs {
    /// Write every event to a file: FILE.jsonl gets JSON lines, FILE.json a trace for Perfetto
    ///
    /// FILE.jsonl: one JSON object per line (docs/trace.md describes them).
    /// FILE.json: open it at ui.perfetto.dev or chrome://tracing.
    #[arg(long, value_name = "FILE", verbatim_doc_comment, conflicts_with = "sweep")]
    pub trace: Option<PathBuf>,

    /// The format of the trace, if the name of the file does not say it
    #[arg(long, value_name = "FORMAT", requires = "trace")]
    pub trace_format: Option<TraceFormat>,

    /// Write a page with all pictures, figures and circumstances of the run: one HTML file
    #[arg(long, value_name = "FILE")]
    pub report: Option<PathBuf>,

    /// Write all pictures of the run as SVG files into this folder
    #[arg(long, value_name = "FOLDER")]
    pub svg: Option<PathBuf>,

    /// A name for a canister or a subnet in the trace; can be given several times
    #[arg(long = "name", value_name = "ID=NAME", requires = "trace")]
    pub names: Vec<NamedId>,
}

/// The format of a trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum TraceFormat {
    /// One JSON object per line
    Jsonl,
    /// The Trace Event Format, for Perfetto and chrome://tracing
    Perfetto,
}

/// An id with a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedId {
    /// The id of a canister or a subnet.
    pub id: Principal,
    /// The name.
    pub name: String,
}

impl FromStr for NamedId {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (id, name) = text.split_once('=').ok_or("write it as ID=NAME")?;
        let id =
            Principal::from_text(id).map_err(|error| format!("`{id}` is not an id: {error}"))?;
        match name.trim() {
            "" => Err("the name is empty".into()),
            name => Ok(Self { id, name: name.into() }),
        }
    }
}

impl FileArgs {
    /// Whether a file needs the events of the run.
    pub fn need_events(&self) -> bool {
        self.trace.is_some() || self.report.is_some() || self.svg.is_some()
    }

    /// Checks before a run that the server tells its events, if a file needs them.
    ///
    /// # Errors
    ///
    /// [`Error::FilesNeedEmbedded`] if the server is not the embedded one.
    pub fn check_server(&self, server: &ServerChoice) -> Result<(), Error> {
        let files = [("--trace", &self.trace), ("--report", &self.report), ("--svg", &self.svg)];
        match files.iter().find(|(_, file)| file.is_some()) {
            Some((option, _)) if *server != ServerChoice::Embedded => {
                Err(Error::FilesNeedEmbedded { option, server: server.to_string() })
            }
            _ => Ok(()),
        }
    }

    /// Checks before a run that the files can be written.
    ///
    /// # Errors
    ///
    /// - [`Error::TraceFormat`] if neither the name of the file nor `--trace-format` says the format.
    /// - [`Error::NoFolder`] or [`Error::NotWritable`] if a file cannot be written.
    /// - [`Error::NotAFolder`] or [`Error::NotWritable`] if the folder for pictures cannot be created or written to.
    pub fn check_paths(&self) -> Result<(), Error> {
        if let Some(path) = &self.trace {
            self.format_of(path)?;
        }
        [&self.trace, &self.report].into_iter().flatten().try_for_each(|path| check_file(path))?;
        self.svg.iter().try_for_each(|folder| check_folder(folder))
    }

    /// The format of the trace in this file.
    ///
    /// # Errors
    ///
    /// [`Error::TraceFormat`] if neither the name nor `--trace-format` says it.
    pub fn format_of(&self, path: &Path) -> Result<TraceFormat, Error> {
        let extension = path.extension().and_then(|extension| extension.to_str());
        match (self.trace_format, extension) {
            (Some(format), _) => Ok(format),
            (None, Some("jsonl" | "ndjson")) => Ok(TraceFormat::Jsonl),
            (None, Some("json")) => Ok(TraceFormat::Perfetto),
            (None, _) => Err(Error::TraceFormat { path: path.into() }),
        }
    }
}

/// The folder of a file.
pub(crate) fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn format(path: &str, chosen: Option<TraceFormat>) -> Option<TraceFormat> {
        let files = FileArgs { trace_format: chosen, ..FileArgs::default() };
        files.format_of(Path::new(path)).ok()
    }

    #[test]
    fn the_name_of_a_trace_says_its_format_unless_an_option_does() {
        assert_eq!(format("a.jsonl", None), Some(TraceFormat::Jsonl));
        assert_eq!(format("x/a.json", None), Some(TraceFormat::Perfetto));
        assert_eq!(format("a", Some(TraceFormat::Jsonl)), Some(TraceFormat::Jsonl));
        assert_eq!(format("a.json", Some(TraceFormat::Jsonl)), Some(TraceFormat::Jsonl));
        assert_eq!(["a", "a.txt", "json"].map(|path| format(path, None)), [None; 3]);
    }

    #[test]
    fn a_name_belongs_to_an_id() {
        let named: NamedId = "aaaaa-aa=the management".parse().expect("a name");
        assert_eq!(
            (named.id, named.name.as_str()),
            (Principal::management_canister(), "the management")
        );
        for wrong in ["ledger", "ledger=x", "aaaaa-aa=", "aaaaa-aa= "] {
            assert!(wrong.parse::<NamedId>().is_err(), "{wrong}");
        }
    }
}
