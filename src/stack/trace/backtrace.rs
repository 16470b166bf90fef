//! From a copy of a stack to addresses, and from there to functions and lines.

use std::fmt;
use std::path::{Path, PathBuf};
use std::ptr;

use framehop::{CacheNative, FrameAddress, MayAllocateDuringUnwind, UnwindRegsNative, Unwinder};

use super::modules;
use super::snapshot::{Registers, Snapshot};

/// More than this nobody reads.
const FRAMES_MOST: usize = 100;

/// The functions that a task is in, the innermost first.
///
/// Names and lines come from the program's debug information; a function without is
/// shown by its address. Shown with `{}` it is a line for each, and one for its place.
#[derive(Clone, Debug)]
pub struct Backtrace {
    frames: Vec<BacktraceFrame>,
}

/// One function of a [`Backtrace`].
#[derive(Clone, Debug, Default)]
pub struct BacktraceFrame {
    address: usize,
    function: Option<String>,
    file: Option<PathBuf>,
    line: Option<u32>,
}

impl Backtrace {
    /// The functions, the innermost first.
    #[must_use]
    pub fn frames(&self) -> &[BacktraceFrame] {
        &self.frames
    }
}

/// Where a task is, for the machine: unwinding is quick, names are looked up later.
pub(crate) struct Addresses(Vec<FrameAddress>);

impl Addresses {
    pub(super) fn unwind(snapshot: &Snapshot) -> Self {
        let registers = snapshot.registers;
        let mut word = |address| snapshot.word(address).ok_or(());
        let mut cache = CacheNative::<MayAllocateDuringUnwind>::new();
        let mut addresses = Vec::new();
        modules::with_tables(|tables| {
            let start = unwind_registers(&registers);
            let mut frames =
                tables.iter_frames(registers.instruction, start, &mut cache, &mut word);
            // An error is the end of what was copied, or of what there are tables for.
            while let Ok(Some(frame)) = frames.next() {
                addresses.push(frame);
                if addresses.len() == FRAMES_MOST {
                    break;
                }
            }
        });
        Self(addresses)
    }

    /// Looks up the functions. The first time in a process that takes long: the debug
    /// information is read.
    pub(crate) fn resolve(self) -> Backtrace {
        Backtrace {
            frames: self.0.into_iter().flat_map(resolve).collect(),
        }
    }
}

#[cfg(target_arch = "x86_64")]
fn unwind_registers(registers: &Registers) -> UnwindRegsNative {
    UnwindRegsNative::new(registers.instruction, registers.stack, registers.frame)
}

/// Libraries may sign the addresses that their functions return to, in the bits that an
/// address of a process does not use: those from 48 up, unless it asks for more memory
/// than code ever lies in.
#[cfg(target_arch = "aarch64")]
fn unwind_registers(registers: &Registers) -> UnwindRegsNative {
    UnwindRegsNative::new_with_ptr_auth_mask(
        framehop::aarch64::PtrAuthMask(u64::MAX >> 16),
        registers.link,
        registers.stack,
        registers.frame,
    )
}

/// The functions at an address: there are several where some were inlined.
fn resolve(frame: FrameAddress) -> Vec<BacktraceFrame> {
    let address = frame.address_for_lookup() as usize;
    let mut found = Vec::new();
    // It takes an address to return to, and looks at the one before.
    backtrace::resolve(ptr::without_provenance_mut(address + 1), |symbol| {
        found.push(BacktraceFrame {
            address,
            function: symbol.name().map(|name| format!("{name:#}")),
            file: symbol.filename().map(Path::to_owned),
            line: symbol.lineno(),
        });
    });
    if found.is_empty() {
        found.push(BacktraceFrame {
            address,
            ..BacktraceFrame::default()
        });
    }
    found
}

impl BacktraceFrame {
    /// The address in the function where it is, or has called the next one.
    #[must_use]
    pub fn address(&self) -> usize {
        self.address
    }

    /// The function's name, with its path.
    #[must_use]
    pub fn function(&self) -> Option<&str> {
        self.function.as_deref()
    }

    /// The source file.
    #[must_use]
    pub fn file(&self) -> Option<&Path> {
        self.file.as_deref()
    }

    /// The line in the file, counted from one.
    #[must_use]
    pub fn line(&self) -> Option<u32> {
        self.line
    }
}

impl fmt::Display for Backtrace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, frame) in self.frames.iter().enumerate() {
            if i > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{i:4}: {frame}")?;
        }
        Ok(())
    }
}

impl fmt::Display for BacktraceFrame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.function {
            Some(function) => f.write_str(function)?,
            None => write!(f, "{:#x}", self.address)?,
        }
        if let Some(file) = &self.file {
            write!(f, "\n          at {}", file.display())?;
            if let Some(line) = self.line {
                write!(f, ":{line}")?;
            }
        }
        Ok(())
    }
}
