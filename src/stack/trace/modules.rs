//! The unwind tables of the program and of the libraries that it has loaded.
//!
//! They are copied, so that a library that is unloaded meanwhile takes nothing away,
//! and kept until the loader says that something was loaded or unloaded.

use std::ffi::c_void;
use std::ops::Range;
use std::slice;
use std::sync::{Mutex, PoisonError};

use framehop::{
    ExplicitModuleSectionInfo, MayAllocateDuringUnwind, Module, Unwinder, UnwinderNative,
};

type Tables = UnwinderNative<Vec<u8>, MayAllocateDuringUnwind>;

/// The tables, and how many modules had been loaded and unloaded then.
static TABLES: Mutex<Option<(Loads, Tables)>> = Mutex::new(None);

type Loads = (u64, u64);

/// Does something with the tables of what is loaded now.
pub(super) fn with_tables<R>(f: impl FnOnce(&Tables) -> R) -> R {
    let mut tables = TABLES.lock().unwrap_or_else(PoisonError::into_inner);
    let known = tables.as_ref().map(|(loads, _)| *loads);
    if known.is_none() || known != Some(loads()) {
        *tables = Some(read());
    }
    let (_, tables) = tables.as_ref().expect("they were read just now");
    f(tables)
}

fn loads() -> Loads {
    let mut loads = (0, 0);
    each(|info| {
        loads = (info.dlpi_adds, info.dlpi_subs);
        false
    });
    loads
}

fn read() -> (Loads, Tables) {
    let mut loads = (0, 0);
    let mut tables = Tables::new();
    each(|info| {
        loads = (info.dlpi_adds, info.dlpi_subs);
        // SAFETY: the loader describes a module that is mapped, and keeps it so until
        // this returns.
        if let Some(module) = unsafe { describe(info) } {
            tables.add_module(module);
        }
        true
    });
    (loads, tables)
}

/// Calls a closure with each module, while it returns true.
fn each(mut f: impl FnMut(&libc::dl_phdr_info) -> bool) {
    type Closure<'a> = &'a mut dyn FnMut(&libc::dl_phdr_info) -> bool;

    unsafe extern "C" fn call(
        info: *mut libc::dl_phdr_info,
        _size: usize,
        closure: *mut c_void,
    ) -> libc::c_int {
        // SAFETY: `each` passes a pointer to its closure, and the loader a pointer to
        // what it describes, both valid during the call.
        let (closure, info) = unsafe { (&mut *closure.cast::<Closure<'_>>(), &*info) };
        // Unwinding through the loader's frames would end the process anyway.
        libc::c_int::from(!closure(info))
    }

    let mut closure: Closure<'_> = &mut f;
    // SAFETY: `call` expects a pointer to such a closure.
    unsafe { libc::dl_iterate_phdr(Some(call), (&raw mut closure).cast()) };
}

/// # Safety
///
/// The module that `info` describes is mapped as it says.
unsafe fn describe(info: &libc::dl_phdr_info) -> Option<Module<Vec<u8>>> {
    // SAFETY: the loader gives so many headers there.
    let headers = unsafe { slice::from_raw_parts(info.dlpi_phdr, usize::from(info.dlpi_phnum)) };
    let range = |header: &libc::Elf64_Phdr, size: u64| header.p_vaddr..header.p_vaddr + size;
    let loaded = || {
        headers
            .iter()
            .filter(|header| header.p_type == libc::PT_LOAD)
    };
    let start = loaded().map(|header| header.p_vaddr).min()?;
    let end = loaded()
        .map(|header| header.p_vaddr + header.p_memsz)
        .max()?;
    let index = headers
        .iter()
        .find(|header| header.p_type == libc::PT_GNU_EH_FRAME)?;
    let index = range(index, index.p_memsz);
    // SAFETY: the segment is mapped, as the caller promises.
    let index_bytes = unsafe { bytes(info, &index) };
    let frames_start = frames_start(index.start, &index_bytes)?;
    // The table's end is marked in it; the segment ends no sooner.
    let frames_end = loaded()
        .map(|header| range(header, header.p_filesz))
        .find(|segment| segment.contains(&frames_start))?
        .end;
    let frames = frames_start..frames_end;
    // SAFETY: as above.
    let frames_bytes = unsafe { bytes(info, &frames) };
    Some(Module::new(
        String::new(),
        info.dlpi_addr + start..info.dlpi_addr + end,
        info.dlpi_addr,
        ExplicitModuleSectionInfo {
            eh_frame_svma: Some(frames),
            eh_frame: Some(frames_bytes),
            eh_frame_hdr_svma: Some(index),
            eh_frame_hdr: Some(index_bytes),
            ..ExplicitModuleSectionInfo::default()
        },
    ))
}

/// # Safety
///
/// The range is mapped in the module.
unsafe fn bytes(info: &libc::dl_phdr_info, range: &Range<u64>) -> Vec<u8> {
    let start = std::ptr::with_exposed_provenance((info.dlpi_addr + range.start) as usize);
    // SAFETY: what the caller promises; the loader does not write there.
    unsafe { slice::from_raw_parts(start, (range.end - range.start) as usize) }.to_vec()
}

/// Where the table is that the index of a module belongs to. Linkers write its place
/// in one way, as a signed distance of 32 bits ("pcrel | sdata4" of the Linux Standard
/// Base, "Exception Frames").
fn frames_start(index_at: u64, index: &[u8]) -> Option<u64> {
    const VERSION: u8 = 1;
    const RELATIVE_32: u8 = 0x1b;
    let [VERSION, RELATIVE_32, _, _, a, b, c, d, ..] = *index else {
        return None;
    };
    let distance = i32::from_ne_bytes([a, b, c, d]);
    (index_at + 4).checked_add_signed(i64::from(distance))
}
