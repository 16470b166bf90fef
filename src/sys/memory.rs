//! Mapping memory: `mmap`, `madvise` and `mprotect` for what holds stacks.
//!
//! Ranges are an address and a length, not pointers: the memory belongs to
//! stacks, which the context switch fills through addresses of its own, and is
//! never accessed through a reference from here. [`map`] exposes the provenance
//! of what it maps, so that such accesses are defined.
//!
//! Ranges must start and end on a page boundary; the kernel refuses others.

use std::fs::File;
use std::io::{self, Read};
use std::ptr;
use std::sync::atomic::AtomicBool;

use rustix::mm::{Advice, MapFlags, MprotectFlags, ProtFlags};

/// `MADV_GUARD_INSTALL` (Linux 6.13), which neither rustix nor libc names yet.
const MADV_GUARD_INSTALL: libc::c_int = 102;

/// The size of a page: always 4 KiB on x86-64; 4, 16 or 64 KiB on aarch64.
#[inline]
pub(crate) fn page_size() -> usize {
    #[cfg(target_arch = "x86_64")]
    {
        4096
    }
    #[cfg(not(target_arch = "x86_64"))]
    {
        use std::sync::OnceLock;
        static PAGE_SIZE: OnceLock<usize> = OnceLock::new();
        *PAGE_SIZE.get_or_init(|| {
            // SAFETY: sysconf has no preconditions.
            let size = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
            usize::try_from(size).expect("the kernel knows its page size")
        })
    }
}

/// Maps `len` bytes of readable, writable, zeroed memory of which no page is
/// backed before it is touched, and returns its address.
///
/// `MAP_NORESERVE`: most of a stack is never touched, so nothing is set aside
/// for it. `MAP_STACK` says what it is for, and keeps huge pages away.
pub(crate) fn map(len: usize) -> io::Result<usize> {
    let flags = MapFlags::PRIVATE | MapFlags::NORESERVE | MapFlags::STACK;
    // SAFETY: without a hint or MAP_FIXED the kernel picks addresses that were
    // not in use, so no existing memory is affected.
    let start = unsafe {
        rustix::mm::mmap_anonymous(
            ptr::null_mut(),
            len,
            ProtFlags::READ | ProtFlags::WRITE,
            flags,
        )?
    };
    Ok(start.expose_provenance())
}

/// Unmaps a range.
///
/// # Safety
///
/// The range came from [`map`], and nobody uses it or will use it again.
pub(crate) unsafe fn unmap(start: usize, len: usize) -> io::Result<()> {
    // SAFETY: the caller owns the range and gives it up.
    unsafe { rustix::mm::munmap(ptr::with_exposed_provenance_mut(start), len)? };
    Ok(())
}

/// Keeps transparent huge pages out of a range. Does nothing on a kernel that
/// has none.
///
/// # Safety
///
/// The range came from [`map`] and is still mapped.
pub(crate) unsafe fn refuse_huge_pages(start: usize, len: usize) {
    let start = ptr::with_exposed_provenance_mut(start);
    // SAFETY: the range is mapped, and the advice does not change its content.
    let _without_huge_pages = unsafe { rustix::mm::madvise(start, len, Advice::LinuxNoHugepage) };
}

/// Lets the parts of a range merge into one mapping again after [`protect`]
/// split it and its pages were used.
///
/// The kernel merges neighbours only if they share the record (`anon_vma`) by
/// which it finds the mappings of a page, and a mapping gets its record when it
/// is first written to. So the range is written to while it is one: parts
/// inherit the record.
///
/// # Safety
///
/// The range came from [`map`], and nobody has used it yet.
pub(crate) unsafe fn keep_mergeable(start: usize) {
    let first: *mut u8 = ptr::with_exposed_provenance_mut(start);
    // SAFETY: the range is mapped, writable and unused. Volatile, as the write
    // itself is what counts.
    unsafe { first.write_volatile(0) };
    // SAFETY: the range is mapped, and all it holds is this zero.
    let _keeps_a_page = unsafe { give_back(start, page_size()) };
}

/// Gives the pages of a range back to the kernel; they read as zero afterwards.
/// Guards in the range stay. Fails where the range is locked into memory.
///
/// # Safety
///
/// The range came from [`map`] and is still mapped, and nobody needs what it
/// holds.
pub(crate) unsafe fn give_back(start: usize, len: usize) -> io::Result<()> {
    let start = ptr::with_exposed_provenance_mut(start);
    // SAFETY: the range is mapped, and its content is not needed.
    unsafe { rustix::mm::madvise(start, len, Advice::LinuxDontNeed)? };
    Ok(())
}

/// Makes a range inaccessible without splitting its mapping. `EINVAL` from a
/// kernel before 6.13, and for memory that is locked.
///
/// # Safety
///
/// The range came from [`map`] and is still mapped, and nobody needs what it
/// holds.
pub(crate) unsafe fn install_guard(start: usize, len: usize) -> io::Result<()> {
    let start = ptr::with_exposed_provenance_mut(start);
    // SAFETY: the range is mapped, and its content is not needed.
    match unsafe { libc::madvise(start, len, MADV_GUARD_INSTALL) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Makes a range inaccessible, or accessible again, as a mapping of its own.
///
/// # Safety
///
/// The range came from [`map`] and is still mapped, and nobody uses it.
pub(crate) unsafe fn protect(start: usize, len: usize, accessible: bool) -> io::Result<()> {
    let flags = if accessible {
        MprotectFlags::READ | MprotectFlags::WRITE
    } else {
        MprotectFlags::empty()
    };
    // SAFETY: the range is mapped and unused, so nobody notices the change.
    unsafe { rustix::mm::mprotect(ptr::with_exposed_provenance_mut(start), len, flags)? };
    Ok(())
}

/// Whether eight bytes at `address` can be read, found out without a fault:
/// the kernel reads them, as a signal set, before it rejects what to do with
/// the set.
pub(crate) fn is_readable(address: usize) -> bool {
    const NO_SUCH_ACTION: libc::c_long = -1;
    const NO_OLD_SET: libc::c_long = 0;
    const SET_SIZE: libc::c_long = 8;
    // SAFETY: the kernel checks the address itself, and an unknown action
    // changes no mask.
    let result = unsafe {
        libc::syscall(
            libc::SYS_rt_sigprocmask,
            NO_SUCH_ACTION,
            address,
            NO_OLD_SET,
            SET_SIZE,
        )
    };
    result == 0 || io::Error::last_os_error().raw_os_error() != Some(libc::EFAULT)
}

/// How many mappings a process may have: `vm.max_map_count`.
pub(crate) fn max_mappings() -> io::Result<usize> {
    std::fs::read_to_string("/proc/sys/vm/max_map_count")?
        .trim()
        .parse()
        .map_err(io::Error::other)
}

/// How many mappings this process has.
pub(crate) fn mappings() -> io::Result<usize> {
    let mut maps = File::open("/proc/self/maps")?;
    let mut chunk = vec![0; 64 * 1024];
    let mut lines = 0;
    loop {
        match maps.read(&mut chunk) {
            Ok(0) => return Ok(lines),
            Ok(n) => lines += chunk[..n].iter().filter(|&&byte| byte == b'\n').count(),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// How many pages of a range are in memory.
#[cfg(test)]
pub(crate) fn resident_pages(start: usize, len: usize) -> usize {
    let mut pages = vec![0_u8; len.div_ceil(page_size())];
    // SAFETY: `pages` has one byte for each page of the range.
    let result = unsafe {
        libc::mincore(
            ptr::with_exposed_provenance_mut(start),
            len,
            pages.as_mut_ptr(),
        )
    };
    assert_eq!(result, 0, "{}", io::Error::last_os_error());
    pages.iter().filter(|&&page| page & 1 == 1).count()
}

/// A flag that is false, and becomes false again in a child that is forked. `None`
/// where the kernel does not offer that.
pub(crate) fn wiped_on_fork() -> Option<&'static AtomicBool> {
    let length = page_size();
    let start = map(length).ok()?;
    let page: *mut libc::c_void = std::ptr::with_exposed_provenance_mut(start);
    // SAFETY: the page was mapped just now, and nobody refers to it yet.
    let wiped = unsafe { libc::madvise(page, length, libc::MADV_WIPEONFORK) } == 0;
    if !wiped {
        // SAFETY: as above; it is not used any more.
        let _ = unsafe { unmap(start, length) };
        return None;
    }
    // SAFETY: the page is readable and writable, zero, which is `false`, aligned,
    // and never unmapped.
    Some(unsafe { AtomicBool::from_ptr(page.cast()) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_given_back_reads_as_zero() {
        let len = 4 * page_size();
        let start = map(len).unwrap();
        assert_eq!(resident_pages(start, len), 0);

        let byte: *mut u8 = ptr::with_exposed_provenance_mut(start + page_size());
        // SAFETY: the byte lies in the range mapped above.
        unsafe { byte.write(7) };
        assert_eq!(resident_pages(start, len), 1);

        // SAFETY: the range was mapped above, and its content is not needed.
        unsafe { give_back(start, len).unwrap() };
        assert_eq!(resident_pages(start, len), 0);
        // SAFETY: the byte lies in the range mapped above.
        assert_eq!(unsafe { byte.read() }, 0);

        // SAFETY: the range was mapped above, and is not used any more.
        unsafe { unmap(start, len).unwrap() };
    }

    #[test]
    fn readability_is_found_out_without_a_fault() {
        let start = map(page_size()).unwrap();
        assert!(is_readable(start));
        // SAFETY: the range was mapped above and holds nothing.
        unsafe { protect(start, page_size(), false).unwrap() };
        assert!(!is_readable(start));
        // SAFETY: as above.
        unsafe { protect(start, page_size(), true).unwrap() };
        assert!(is_readable(start));
        // SAFETY: the range was mapped above, and is not used any more.
        unsafe { unmap(start, page_size()).unwrap() };
    }

    #[test]
    fn mappings_are_counted() {
        assert!(mappings().unwrap() > 5);
        assert!(max_mappings().unwrap() > 1000);
    }
}
