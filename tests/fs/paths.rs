//! The free functions, beside std's.

use crate::same::same;

same! {
    fn whole_files(dir, seen) {
        let (one, other) = (dir.join("one"), dir.join("other"));
        seen.result(fs::write(&one, "text"));
        seen.result(fs::write(&one, [0xff, 0]));
        seen.result(fs::read(&one));
        seen.result(fs::read_to_string(&one));
        seen.result(fs::copy(&one, &other));
        seen.result(fs::read(&other));
        seen.result(fs::copy(&one, dir));
        seen.result(fs::copy(dir, &other));
        seen.result(fs::copy(dir.join("none"), &other));
        for path in [dir.join("none"), dir.to_owned(), one.join("below"), "\0".into()] {
            seen.result(fs::read(&path));
            seen.result(fs::read_to_string(&path));
            seen.result(fs::write(&path, "x").map_err(|_| std::io::ErrorKind::Other.into()));
            let _ = fs::remove_file(&path);
        }
    }
}

same! {
    fn names_and_links(dir, seen) {
        let (one, other) = (dir.join("one"), dir.join("other"));
        fs::write(&one, "1").unwrap();
        seen.result(fs::hard_link(&one, &other));
        seen.result(fs::hard_link(&one, &other));
        seen.result(fs::rename(&other, dir.join("third")));
        seen.result(fs::rename(&other, dir.join("third")));
        seen.result(fs::rename(&one, dir));
        seen.result(unix_fs::symlink(&one, dir.join("link")));
        seen.result(unix_fs::symlink(&one, dir.join("link")));
        #[expect(deprecated, reason = "it is there")]
        let soft = fs::soft_link("nowhere", dir.join("dangling"));
        seen.result(soft);
        seen.result(fs::read_link(dir.join("link")));
        seen.result(fs::read_link(&one));
        seen.result(fs::canonicalize(dir.join("../").join(dir.file_name().unwrap()).join("link")));
        seen.result(fs::canonicalize(dir.join("dangling")));
        seen.result(fs::exists(dir.join("dangling")));
        seen.result(fs::exists(&one));
        seen.result(fs::exists(one.join("below")));
        seen.result(fs::exists("\0"));
        seen.result(fs::metadata(dir.join("link")).map(|metadata| metadata.file_type()));
        seen.result(fs::symlink_metadata(dir.join("link")).map(|metadata| metadata.file_type()));
        seen.done(fs::metadata(dir.join("dangling")));
        seen.done(fs::symlink_metadata(dir.join("none")));
        seen.result(fs::remove_file(dir.join("link")));
        seen.result(fs::remove_file(dir.join("link")));
        seen.result(fs::remove_file(dir));
        seen.result(fs::read_to_string(&one));
    }
}

same! {
    fn owners_and_permissions(dir, seen) {
        use unix_fs::{MetadataExt, PermissionsExt};
        let path = dir.join("file");
        fs::write(&path, "").unwrap();
        seen.result(fs::set_permissions(&path, fs::Permissions::from_mode(0o400)));
        seen.result(fs::metadata(&path).map(|metadata| metadata.permissions()));
        seen.done(fs::set_permissions(dir.join("none"), fs::Permissions::from_mode(0o400)));
        let (user, group) = fs::metadata(&path).map(|m| (m.uid(), m.gid())).unwrap();
        let file = fs::File::open(&path).unwrap();
        seen.result(unix_fs::chown(&path, Some(user), None));
        seen.result(unix_fs::fchown(&file, None, Some(group)));
        seen.result(unix_fs::lchown(&path, Some(user), Some(group)));
        seen.result(unix_fs::chown(dir.join("none"), Some(user), None));
        seen.result(unix_fs::chroot(dir.join("none")));
        seen.result(unix_fs::chroot(&path));
    }
}
