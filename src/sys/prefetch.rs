//! Asking the processor for memory that will be needed soon.

use std::ops::Range;

/// The bytes that are loaded at once.
const LINE: usize = 64;

/// Starts to load cache lines that lie about an address, which may be any number; line
/// zero is the one that it is in.
#[inline(always)]
pub(crate) fn prefetch(address: usize, lines: Range<isize>) {
    for line in lines {
        prefetch_line(address.wrapping_add_signed(line * LINE as isize));
    }
}

#[inline(always)]
fn prefetch_line(address: usize) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a prefetch is a hint; it neither faults nor changes memory, whatever the address.
    unsafe {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        _mm_prefetch::<_MM_HINT_T0>(std::ptr::without_provenance(address));
    }
    #[cfg(target_arch = "aarch64")]
    // SAFETY: a prefetch is a hint; it neither faults nor changes memory, whatever the address.
    unsafe {
        std::arch::asm!("prfm pldl1keep, [{}]", in(reg) address, options(nostack, preserves_flags, readonly));
    }
}
