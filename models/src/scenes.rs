//! What the threads of each model do, and what must hold.

pub mod direction;
pub mod inbox;
pub mod lock;
pub mod word;
