//! `File` and `OpenOptions`, beside std's.

use std::io::{IoSlice, IoSliceMut, Read, Seek, SeekFrom, Write};
use std::os::fd::{AsRawFd, FromRawFd, IntoRawFd, OwnedFd};
use std::time::{Duration, SystemTime};

use crate::same::same;

same! {
    fn reading_writing_and_seeking(dir, seen) {
        let path = dir.join("file");
        let mut file = fs::File::create_new(&path).unwrap();
        seen.result(file.write(b"hello, "));
        seen.result((&file).write(b"world"));
        seen.result(file.write_vectored(&[IoSlice::new(b", and"), IoSlice::new(b""), IoSlice::new(b" you")]));
        seen.result(file.write(b""));
        seen.result(file.flush());
        seen.result(file.stream_position());
        seen.result(file.seek(SeekFrom::Start(3)));
        let mut buffer = [0; 6];
        seen.result(file.read(&mut buffer));
        seen.add(buffer);
        seen.result((&file).read(&mut []));
        let (mut one, mut other) = ([0; 3], [0; 40]);
        seen.result(file.read_vectored(&mut [IoSliceMut::new(&mut one), IoSliceMut::new(&mut other)]));
        seen.add((one, other.to_vec()));
        seen.result(file.read(&mut buffer));
        seen.result(file.read(&mut buffer));
        seen.result(file.seek(SeekFrom::End(-3)));
        seen.result(file.seek(SeekFrom::Current(-1)));
        seen.result((&file).stream_position());
        let mut rest = String::from("> ");
        seen.result((&file).read_to_string(&mut rest));
        seen.add(rest);
        seen.result(file.rewind());
        let mut all = vec![1, 2];
        seen.result(file.read_to_end(&mut all));
        seen.add(all);
        seen.result(file.seek(SeekFrom::Current(-100)));
        seen.result(file.seek(SeekFrom::Start(u64::MAX)));
        seen.result(file.stream_position());
        file.rewind().unwrap();
        seen.result(file.read_exact(&mut [0; 100]));
    }
}

same! {
    fn reading_and_writing_at_an_offset(dir, seen) {
        use unix_fs::FileExt;
        let file = fs::File::create_new(dir.join("file")).unwrap();
        seen.result(file.write_all_at(b"0123456789", 5));
        seen.result(file.write_at(b"ab", 1));
        let mut buffer = [0; 8];
        for offset in [0, 3, 10, 14, 15, 1 << 40, i64::MAX as u64, u64::MAX - 1, u64::MAX] {
            seen.result(file.read_at(&mut buffer, offset));
            seen.add(buffer);
            seen.result(file.read_at(&mut [], offset));
        }
        seen.result(file.read_exact_at(&mut buffer, 7));
        seen.result(file.read_exact_at(&mut buffer, 8));
        seen.result(file.write_at(b"x", u64::MAX));
        seen.result((&file).stream_position());
    }
}

same! {
    fn what_is_not_allowed_fails_alike(dir, seen) {
        use unix_fs::FileExt;
        let path = dir.join("file");
        let mut writing = fs::File::create(&path).unwrap();
        seen.result(writing.read(&mut [0; 4]));
        seen.result(writing.read_at(&mut [0; 4], 0));
        seen.result(writing.read_to_end(&mut Vec::new()));
        let mut reading = fs::File::open(&path).unwrap();
        seen.result(reading.write(b"x"));
        seen.result(reading.write_at(b"x", 0));
        seen.result(reading.set_len(1));
        seen.result(writing.set_len(u64::MAX));
        let mut directory = fs::File::open(dir).unwrap();
        seen.result(directory.read(&mut [0; 4]));
        seen.result(directory.read_to_end(&mut Vec::new()));
        seen.done(fs::File::create(dir));
        seen.done(fs::File::open(dir.join("none")));
        seen.done(fs::File::open(dir.join("file/below")));
        seen.done(fs::File::open("nul\0byte"));
        seen.done(fs::File::open("n".repeat(5000)));
        seen.done(fs::File::open(""));
        seen.done(fs::File::create_new(&path));
        unix_fs::symlink("round", dir.join("round")).unwrap();
        seen.done(fs::File::open(dir.join("round")));
        writing.write_all(&[0xc3, 0x28]).unwrap();
        seen.result(reading.read_to_string(&mut String::new()));
        // Always full, also for root.
        let mut full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        seen.result(full.write(b"x"));
        seen.result(full.seek(SeekFrom::Start(1)));
        seen.result(fs::write("/dev/full", "x"));
    }
}

same! {
    fn ways_to_open(dir, seen) {
        use unix_fs::{MetadataExt, OpenOptionsExt};
        let path = dir.join("file");
        for bits in 0..64_u32 {
            let bit = |n: u32| bits >> n & 1 == 1;
            for there in [false, true] {
                let _ = fs::remove_file(&path);
                if there {
                    fs::write(&path, "before").unwrap();
                }
                let mut options = fs::OpenOptions::new();
                options.read(bit(0)).write(bit(1)).append(bit(2));
                options.truncate(bit(3)).create(bit(4)).create_new(bit(5));
                let mut file = match options.open(&path) {
                    Ok(file) => file,
                    Err(error) => {
                        seen.result::<()>(Err(error));
                        continue;
                    }
                };
                seen.result(file.write(b"new"));
                drop(file);
                seen.result(fs::read_to_string(&path));
            }
        }
        let mut options = fs::File::options();
        options.write(true).create_new(true).mode(0o604).custom_flags(0);
        fs::remove_file(&path).unwrap();
        seen.add(options.open(&path).unwrap().metadata().unwrap().mode());
        seen.add(&options);
        seen.add(options.clone().read(true));
        options.create_new(false).custom_flags(libc::O_DIRECTORY);
        seen.done(options.open(&path));
    }
}

same! {
    fn appending_goes_to_the_end_wherever_that_is(dir, seen) {
        let path = dir.join("log");
        let mut options = fs::OpenOptions::new();
        options.append(true).create(true).read(true);
        let (mut one, mut other) = (options.open(&path).unwrap(), options.open(&path).unwrap());
        one.write_all(b"a").unwrap();
        other.write_all(b"bc").unwrap();
        one.seek(SeekFrom::Start(0)).unwrap();
        seen.result(one.write(b"d"));
        seen.result(one.stream_position());
        seen.result(fs::read_to_string(&path));
    }
}

same! {
    fn holes_are_zeros(dir, seen) {
        use unix_fs::MetadataExt;
        let path = dir.join("sparse");
        let mut file = fs::File::create_new(&path).unwrap();
        seen.result(file.set_len(10 << 20));
        seen.result(file.seek(SeekFrom::Start(1 << 32)));
        file.write_all(b"end").unwrap();
        let metadata = file.metadata().unwrap();
        seen.add(metadata.len());
        assert!(metadata.blocks() < 1 << 12);
        let mut buffer = vec![1; 300_000];
        seen.result(file.seek(SeekFrom::End(-200_003)));
        seen.result(file.read(&mut buffer));
        seen.add((buffer.iter().position(|byte| *byte != 0), &buffer[199_998..200_005]));
        seen.result(file.set_len(2));
        seen.result(file.stream_position());
        seen.result(file.read(&mut buffer));
        file.rewind().unwrap();
        seen.result(file.read(&mut buffer));
    }
}

same! {
    fn a_clone_shares_the_position(dir, seen) {
        fs::write(dir.join("file"), "0123456789").unwrap();
        let mut file = fs::File::open(dir.join("file")).unwrap();
        let mut clone = file.try_clone().unwrap();
        let mut buffer = [0; 3];
        seen.result(file.read(&mut buffer));
        seen.result(clone.read(&mut buffer));
        seen.add(buffer);
        seen.result(clone.seek(SeekFrom::Start(1)));
        drop(clone);
        seen.result(file.read(&mut buffer));
        seen.add(buffer);
    }
}

same! {
    fn what_is_known_about_a_file(dir, seen) {
        use unix_fs::{MetadataExt, PermissionsExt};
        let path = dir.join("file");
        let file = fs::File::create(&path).unwrap();
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
        seen.result(file.set_modified(time));
        seen.add(file.metadata().unwrap().modified().unwrap());
        let times = fs::FileTimes::new().set_accessed(time).set_modified(time + Duration::from_nanos(7));
        seen.result(file.set_times(times));
        seen.add(fs::metadata(&path).unwrap().accessed().unwrap());
        seen.result(file.set_permissions(fs::Permissions::from_mode(0o640)));
        seen.add(file.metadata().unwrap().permissions());
        seen.add(file.metadata().unwrap().file_type());
        seen.add(file.metadata().unwrap().mode());
        seen.result(file.sync_all());
        seen.result(file.sync_data());
        let number = format!("fd: {}", file.as_raw_fd());
        seen.add(format!("{file:?}").replace(&number, "fd"));
    }
}

same! {
    fn conversions_keep_the_open_file(dir, seen) {
        fs::write(dir.join("file"), "0123456789").unwrap();
        let mut file = fs::File::open(dir.join("file")).unwrap();
        let mut digit = move |mut file: fs::File| {
            let mut digit = [0];
            seen.result(file.read(&mut digit));
            seen.add(digit);
            file
        };
        file = digit(file);
        let number = file.as_raw_fd();
        file = digit(fs::File::from(OwnedFd::from(file)));
        file = digit(fs::File::from(std::fs::File::from(file)));
        let raw = file.into_raw_fd();
        assert_eq!(raw, number);
        // SAFETY: the number was given away just now.
        file = digit(unsafe { fs::File::from_raw_fd(raw) });
        let output = process::Command::new("cat").stdin(file).output().unwrap();
        assert_eq!(output.stdout, b"456789");
    }
}

same! {
    fn larger_than_any_buffer(dir, seen) {
        let path = dir.join("large");
        let bytes: Vec<u8> = (0..3_000_001_u32).map(|i| (i.wrapping_mul(i) >> 7) as u8).collect();
        fs::write(&path, &bytes).unwrap();
        assert_eq!(fs::read(&path).unwrap(), bytes);
        for size in [4093, 256 << 10, (256 << 10) + 1, 1 << 20, 4 << 20] {
            let mut file = fs::File::open(&path).unwrap();
            let (mut buffer, mut at) = (vec![0; size], 0);
            loop {
                let n = file.read(&mut buffer).unwrap();
                // A regular file fills the buffer.
                seen.add(n);
                if n == 0 {
                    break;
                }
                assert_eq!(buffer[..n], bytes[at..at + n]);
                at += n;
            }
        }
        let mut copy = fs::File::create(dir.join("copy")).unwrap();
        for chunk in bytes.chunks(700_001) {
            seen.result(copy.write(chunk));
        }
        assert_eq!(fs::read(dir.join("copy")).unwrap(), bytes);
    }
}

same! {
    /// What is not in memory is read from the disk, also where only a part is.
    fn a_file_that_the_kernel_has_forgotten(dir, seen) {
        use unix_fs::FileExt;
        let path = dir.join("cold");
        let bytes: Vec<u8> = (0..200_000_u32).map(|i| (i % 251) as u8).collect();
        fs::write(&path, &bytes).unwrap();
        let mut file = fs::File::open(&path).unwrap();
        file.sync_all().unwrap();
        for from in [0, 40_960, 100_000] {
            // SAFETY: it only advises, about a descriptor that is open.
            let advised = unsafe {
                libc::posix_fadvise(file.as_raw_fd(), from, 0, libc::POSIX_FADV_DONTNEED)
            };
            assert_eq!(advised, 0);
            let mut buffer = vec![0; 150_000];
            file.rewind().unwrap();
            seen.result(file.read(&mut buffer));
            assert_eq!(buffer, bytes[..150_000]);
            seen.result(file.read(&mut buffer));
            seen.result(file.read_at(&mut buffer, 70_000));
            assert_eq!(buffer[..130_000], bytes[70_000..]);
        }
    }
}

same! {
    /// The kernel cannot say what of these it has in memory.
    fn files_that_are_not_on_a_disk(dir, seen) {
        use unix_fs::FileExt;
        let mut version = fs::File::open("/proc/version").unwrap();
        let mut text = String::new();
        seen.result(version.read_to_string(&mut text));
        seen.add(text);
        let mut start = [0; 5];
        seen.result(version.read_at(&mut start, 2));
        seen.result(version.seek(SeekFrom::Start(1)));
        seen.result(version.read(&mut start));
        seen.add(start);
        let mut zeros = [1; 9];
        seen.result(fs::File::open("/dev/zero").unwrap().read(&mut zeros));
        seen.add(zeros);
        seen.result(fs::File::open("/dev/null").unwrap().read(&mut zeros));
        // Not the name of the directory itself, which may lie there too.
        let name = dir.file_name().unwrap().to_str().unwrap();
        let path = format!("/dev/shm/{name}-in-memory");
        let mut shared = fs::File::create_new(&path).unwrap();
        shared.write_all(b"in memory").unwrap();
        shared.rewind().unwrap();
        seen.result(shared.read(&mut zeros));
        seen.result(shared.read(&mut zeros));
        seen.add(zeros);
        fs::remove_file(&path).unwrap();
    }
}
