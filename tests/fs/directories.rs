//! Directories, beside std's.

use crate::same::same;

same! {
    fn making_and_removing(dir, seen) {
        use unix_fs::{DirBuilderExt, MetadataExt};
        seen.result(fs::create_dir(dir.join("a")));
        seen.result(fs::create_dir(dir.join("a")));
        seen.result(fs::create_dir(dir.join("b/c")));
        seen.result(fs::create_dir_all(dir.join("b/c/d")));
        seen.result(fs::create_dir_all(dir.join("b/c")));
        fs::write(dir.join("b/file"), "").unwrap();
        seen.result(fs::create_dir_all(dir.join("b/file/x")));
        seen.result(fs::remove_dir(dir.join("b")));
        seen.result(fs::remove_dir(dir.join("b/file")));
        seen.result(fs::remove_dir(dir.join("a")));
        seen.result(fs::remove_dir_all(dir.join("b/file")));
        seen.result(fs::remove_dir_all(dir.join("b")));
        seen.result(fs::remove_dir_all(dir.join("b")));
        let mut builder = fs::DirBuilder::new();
        seen.add(&builder);
        seen.result(builder.create(dir.join("x/y")));
        seen.result(builder.recursive(true).mode(0o710).create(dir.join("x/y")));
        seen.result(builder.create(dir.join("x/y")));
        seen.add(fs::metadata(dir.join("x/y")).unwrap().mode());
        seen.add(&builder);
    }
}

same! {
    fn entries(dir, seen) {
        use unix_fs::{DirEntryExt, MetadataExt};
        fs::create_dir(dir.join("directory")).unwrap();
        fs::write(dir.join("file"), "four").unwrap();
        unix_fs::symlink("file", dir.join("link")).unwrap();
        let entries = fs::read_dir(dir).unwrap();
        seen.add(&entries);
        let mut entries: Vec<_> = entries.map(Result::unwrap).collect();
        entries.sort_by_key(|entry| entry.file_name());
        for entry in entries {
            seen.add(&entry);
            seen.add((entry.path(), entry.file_name()));
            seen.result(entry.file_type());
            let metadata = entry.metadata().unwrap();
            seen.add(metadata.file_type());
            assert_eq!(metadata.ino(), entry.ino());
            if metadata.is_dir() {
                fs::remove_dir(entry.path()).unwrap();
                seen.done(entry.metadata());
                seen.result(entry.file_type());
            }
        }
        seen.done(fs::read_dir(dir.join("none")));
        seen.done(fs::read_dir(dir.join("file")));
        seen.done(fs::read_dir("\0"));
    }
}

same! {
    fn more_entries_than_are_fetched_at_a_time(dir, seen) {
        for count in [0, 1, 255, 256, 257, 1000] {
            let dir = dir.join(count.to_string());
            fs::create_dir(&dir).unwrap();
            for i in 0..count {
                fs::write(dir.join(format!("{i:04}")), "").unwrap();
            }
            let mut entries = fs::read_dir(&dir).unwrap();
            let mut names: Vec<_> = entries
                .by_ref()
                .map(|entry| entry.unwrap().file_name().into_string().unwrap())
                .collect();
            assert!(entries.next().is_none());
            names.sort();
            assert!((0..count).map(|i| format!("{i:04}")).eq(names.iter().cloned()));
            seen.add(names.len());
            // Dropping it in the middle is no harm.
            seen.add(fs::read_dir(&dir).unwrap().take(count / 2).count());
        }
    }
}
