//! What memory holds that nobody has written yet, or that somebody had before.

use std::convert::Infallible;
use std::thread;

use super::*;

#[test]
fn memory_to_write_to_shows_nothing_of_an_earlier_owner() {
    const SECRET: u8 = 0xA5;
    thread::spawn(|| {
        let mut past = LinkBuffer::new();
        past.write_binary(&[SECRET; 3 * BLOCK_SIZE]);
        past.write_binary(&[SECRET; BLOCK_SIZE]);
        past.clear();
        let buffer = LinkBuffer::new();
        buffer.write_binary(b"mine");
        assert!(!buffer.malloc(1000).contains(&SECRET));
        assert!(!buffer.malloc(3 * BLOCK_SIZE).contains(&SECRET));
        let seen = |room: &mut [u8]| {
            assert!(!room.contains(&SECRET));
            Ok::<_, Infallible>(0)
        };
        buffer.fill(usize::MAX, seen).unwrap();
        let vectored = buffer.fill_vectored(usize::MAX, |room| {
            assert!(room.iter().all(|piece| !piece.contains(&SECRET)));
            Ok::<_, Infallible>(0)
        });
        vectored.unwrap();
    })
    .join()
    .unwrap();
}

/// What was deinitialised by who received is not handed out as initialised.
#[test]
fn what_a_receiver_had_is_not_taken_for_initialised() {
    let mut buffer = LinkBuffer::new();
    buffer.malloc(1000).fill(7);
    buffer.malloc_ack(0).unwrap();
    let failed: Result<usize, ()> = buffer.receive(500, |room| {
        room.fill(std::mem::MaybeUninit::uninit());
        Err(())
    });
    assert!(failed.is_err());
    assert!(
        buffer.malloc(1000)[..500]
            .iter()
            .all(|&byte| byte == 0 || byte == 7)
    );
}
