//! The check that no file of a run overwrites another one.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::{Cli, ServerChoice, folder_of};
use crate::canisters::{CALLEE_VARIABLE, CALLER_VARIABLE};
use crate::error::Error;
use crate::files::identity;

impl Cli {
    /// Checks before a run that each file that the run writes is a file of its own: neither one that another option
    /// writes, nor one that the run reads. `env` returns the value of an environment variable.
    ///
    /// # Errors
    ///
    /// - [`Error::SameFile`] if two options name one file, whatever the names.
    /// - [`Error::NotWritable`] if a file could have the name of a picture in the folder of `--svg`.
    pub fn check_distinct(&self, env: impl Fn(&str) -> Option<OsString>) -> Result<(), Error> {
        let variable = |name| Some((name, PathBuf::from(env(name)?)));
        let mut known: Vec<(&'static str, PathBuf)> =
            [CALLER_VARIABLE, CALLEE_VARIABLE].into_iter().filter_map(variable).collect();
        if let Some(ServerChoice::Binary(path)) = &self.server {
            known.push(("--server", path.clone()));
        }
        known.retain(|(_, path)| !path.as_os_str().is_empty());
        let written = [
            ("--baseline", &self.results.baseline),
            ("--trace", &self.files.trace),
            ("--report", &self.files.report),
            ("--save", &self.results.save),
            ("--svg", &self.files.svg),
        ];
        for (option, path) in written {
            let Some(path) = path else { continue };
            let is_same = |(_, earlier): &&(_, PathBuf)| identity(earlier) == identity(path);
            if let Some((earlier, _)) = known.iter().find(is_same) {
                return Err(Error::SameFile { first: earlier, second: option, path: path.into() });
            }
            known.push((option, path.clone()));
        }
        match &self.files.svg {
            Some(folder) => known.iter().try_for_each(|(_, path)| is_no_picture_of(folder, path)),
            None => Ok(()),
        }
    }
}

/// Checks that a file cannot have the name of a picture in this folder.
fn is_no_picture_of(folder: &Path, path: &Path) -> Result<(), Error> {
    let is_svg = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("svg"));
    if is_svg && identity(folder_of(path)) == identity(folder) {
        let reason = "`--svg` writes pictures into this folder: use another folder or another \
                      extension";
        return Err(Error::NotWritable { path: path.into(), reason: reason.into() });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use tempfile::TempDir;

    use super::*;

    /// Checks options with files in a folder, whose name stands for `DIR`.
    fn check(folder: &TempDir, args: &[&str], env: &[(&str, &str)]) -> Result<(), Error> {
        let dir = folder.path().to_str().expect("a plain name");
        let args = args.iter().map(|arg| arg.replace("DIR", dir));
        let cli = Cli::try_parse_from(std::iter::once("multi_subnet".into()).chain(args));
        cli.expect("right options").check_distinct(|variable| {
            let (_, value) = env.iter().find(|(name, _)| *name == variable)?;
            Some(value.replace("DIR", dir).into())
        })
    }

    #[test]
    fn two_options_cannot_name_one_file() {
        let folder = TempDir::new().expect("a temporary folder");
        std::fs::write(folder.path().join("b.json"), "").expect("it can be written");
        for args in [
            &["--baseline", "DIR/b.json", "--save", "DIR/b.json"][..],
            &["--baseline", "DIR/b.json", "--persist", "--save", "DIR/./b.json"],
            &["--trace", "DIR/new.json", "--report", "DIR/new.json"],
            &["--report", "DIR/new.json", "--save", "DIR/new.json"],
            &["--report", "DIR/new", "--svg", "DIR/new"],
            &["--baseline", "DIR/b.json", "--report", "DIR/b.json"],
        ] {
            let error = check(&folder, args, &[]).expect_err("one file");
            assert_eq!(error.exit_code(), 2);
            let message = error.to_string();
            assert!(message.contains("same file") && message.contains(args[0]), "{message}");
        }
        let gate = check(&folder, &["--baseline", "b", "--save", "b"], &[]).expect_err("one file");
        assert!(gate.to_string().contains("use `--persist`"), "{gate}");
        let server = ["--server", "DIR/b.json", "--save", "DIR/b.json"];
        assert!(check(&folder, &server, &[]).is_err());
        let distinct = ["--baseline", "DIR/b.json", "--save", "DIR/c.json", "--report", "DIR/d"];
        assert!(check(&folder, &distinct, &[]).is_ok());
    }

    #[test]
    fn no_file_can_overwrite_a_module_or_a_picture() {
        let folder = TempDir::new().expect("a temporary folder");
        let env = [("CALLER_WASM", "DIR/same.wasm"), ("CALLEE_WASM", "DIR/same.wasm")];
        let error = check(&folder, &["--save", "DIR/same.wasm"], &env).expect_err("one file");
        assert!(error.to_string().contains("CALLER_WASM and --save"), "{error}");
        assert!(check(&folder, &["--save", "DIR/a.json"], &env).is_ok());
        assert!(check(&folder, &[], &[("CALLER_WASM", "")]).is_ok());

        let picture = ["--report", "DIR/pictures/costs.svg", "--svg", "DIR/pictures"];
        let error = check(&folder, &picture, &[]).expect_err("a picture");
        assert_eq!(error.exit_code(), 2);
        let beside = ["--report", "DIR/pictures/r.html", "--svg", "DIR/pictures"];
        assert!(check(&folder, &beside, &[]).is_ok());
    }

    #[cfg(unix)]
    #[test]
    fn a_symbolic_link_is_the_file_that_it_names() {
        let folder = TempDir::new().expect("a temporary folder");
        std::os::unix::fs::symlink("b.json", folder.path().join("link")).expect("a link");
        let args = ["--baseline", "DIR/b.json", "--save", "DIR/link"];
        assert!(matches!(check(&folder, &args, &[]), Err(Error::SameFile { .. })));
    }
}
