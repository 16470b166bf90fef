//! What the threads of each model do, and what must hold.

pub mod condition;
pub mod direction;
pub mod end;
pub mod fresh;
pub mod inbox;
pub mod join;
pub mod lock;
pub mod mailbox;
pub mod once;
pub mod registration;
pub mod rw_lock;
pub mod token;
pub mod word;
