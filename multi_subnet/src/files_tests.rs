use std::{fs, io};

use tempfile::TempDir;

use super::*;

#[test]
fn a_file_can_be_written_if_its_folder_exists_and_it_is_a_file_or_new() {
    let folder = TempDir::new().expect("a temporary folder");
    let path = folder.path().join("a.txt");
    for _ in 0..2 {
        assert!(check_file(&path).is_ok());
        fs::write(&path, "one").expect("it can be written");
    }
    assert!(matches!(check_file(folder.path()), Err(Error::NoFolder { .. })));
    let nowhere = folder.path().join("no/a.txt");
    assert!(matches!(check_file(&nowhere), Err(Error::NoFolder { .. })));
    #[cfg(unix)]
    assert!(matches!(check_file(Path::new("/dev/null")), Err(Error::NotWritable { .. })));
    assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 1);
}

#[test]
fn a_file_that_cannot_be_finished_leaves_the_earlier_one_as_it_was() {
    let folder = TempDir::new().expect("a temporary folder");
    let path = folder.path().join("a.txt");
    write_file(&path, |out| out.write_all(b"one")).expect("it can be written");
    let failed = write_file(&path, |out| {
        out.write_all(b"two")?;
        Err(io::Error::other("the disk is full"))
    });
    assert!(failed.expect_err("it fails").to_string().contains("the disk is full"));
    assert_eq!(fs::read(&path).expect("it is there"), b"one");
    assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 1);
}

#[test]
fn a_folder_for_pictures_may_be_new_but_not_below_a_file() {
    let folder = TempDir::new().expect("a temporary folder");
    let file = folder.path().join("file.json");
    fs::write(&file, "").expect("it can be written");
    assert!(check_folder(folder.path()).is_ok());
    assert!(check_folder(&folder.path().join("new/and/newer")).is_ok());
    for wrong in [file.clone(), file.join("sub"), file.join("sub/sub")] {
        assert!(matches!(check_folder(&wrong), Err(Error::NotAFolder { .. })), "{wrong:?}");
    }
    #[cfg(target_os = "linux")]
    assert!(matches!(check_folder(Path::new("/proc/pictures")), Err(Error::NotWritable { .. })));
    assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 1);
}

#[cfg(unix)]
#[test]
fn a_symbolic_link_stays_and_its_target_is_written() {
    use std::os::unix::fs::symlink;
    let folder = TempDir::new().expect("a temporary folder");
    let [link, through, target] =
        ["link.txt", "through.txt", "real/target.txt"].map(|name| folder.path().join(name));
    fs::create_dir(folder.path().join("real")).expect("a folder");
    symlink("through.txt", &link).expect("a link");
    symlink("real/target.txt", &through).expect("a link");
    for text in ["new", "written again"] {
        check_file(&link).expect("it can be written");
        write_file(&link, |out| out.write_all(text.as_bytes())).expect("it can be written");
        assert!(link.is_symlink() && through.is_symlink() && !target.is_symlink());
        assert_eq!(fs::read_to_string(&target).expect("it is there"), text);
    }
    let itself = folder.path().join("loop.txt");
    symlink("loop.txt", &itself).expect("a link");
    assert!(matches!(check_file(&itself), Err(Error::NotWritable { .. })));
}

#[cfg(unix)]
#[test]
fn an_earlier_file_keeps_its_permissions() {
    use std::os::unix::fs::PermissionsExt;
    let folder = TempDir::new().expect("a temporary folder");
    let path = folder.path().join("a.txt");
    for mode in [0o600, 0o640, 0o666] {
        fs::write(&path, "one").expect("it can be written");
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("own file");
        write_file(&path, |out| out.write_all(b"two")).expect("it can be written");
        let now = path.metadata().expect("it is there").permissions().mode();
        assert_eq!(now & 0o777, mode, "{now:o}");
    }
}

#[test]
fn a_file_has_one_identity_whatever_its_name() {
    let folder = TempDir::new().expect("a temporary folder");
    let path = folder.path().join("a.txt");
    let names = || vec![path.clone(), folder.path().join("./a.txt")];
    let same = |names: Vec<PathBuf>| {
        let ids: Vec<_> = names.iter().map(|name| identity(name)).collect();
        assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    };
    same(names());
    fs::write(&path, "").expect("it can be written");
    same(names());
    #[cfg(unix)]
    {
        let [link, linked] = ["link", "linked"].map(|name| folder.path().join(name));
        std::os::unix::fs::symlink("a.txt", &link).expect("a link");
        std::os::unix::fs::symlink(".", &linked).expect("a link");
        same(vec![path.clone(), link, linked.join("a.txt")]);
        assert_eq!(identity(&linked.join("b")), identity(&folder.path().join("b")));
    }
    assert_eq!(identity(Path::new("b/c.txt")), identity(Path::new("./b/c.txt")));
    assert_ne!(identity(Path::new("b.txt")), identity(Path::new("c.txt")));
}
