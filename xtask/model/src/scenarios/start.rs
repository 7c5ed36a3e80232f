//! The first operations of a process, when several threads come at once, and changes of its mode.

use loom::thread;

use super::{Act, Scenario, at_once, leaked};
use crate::hot::call_tree::NodeId;
use crate::hot::mode::{self, Kind, Mode};
use crate::hot::tag::{self, TagPlace};
use crate::hot::{placement, recorder};

pub(super) const SCENARIOS: [Scenario; 2] = [
    ("start: threads that come first at once agree on tags and on their secret", settled_at_once),
    ("mode: a mode that two threads set at once is one of the two, with its own interval", two_modes),
];

fn settled_at_once() -> Act {
    let block: &'static mut [u64; 4] = Box::leak(Box::new([0; 4]));
    let block = block.as_mut_ptr().expose_provenance();
    Box::new(move || {
        // Says whether there are tags and, if so, writes one behind a block of eight bytes.
        let first = move |secret, wants_tags: bool, at: usize| {
            placement::settle(|| {
                tag::set_secret(secret);
                wants_tags
            });
            let has_tags = placement::has_tags();
            // SAFETY: the block has room for eight bytes and a tag, and no other thread has this half.
            unsafe {
                let place = TagPlace::behind(core::ptr::with_exposed_provenance_mut(block + at), 8);
                place.expect("it lies on one page").write(NodeId(at as u32 + 1));
            }
            has_tags
        };
        let (theirs, mine) = at_once(move || first(0x1234_5678, false, 16), || first(0x8765_4321, true, 0));
        assert_eq!(theirs, mine);
        for at in [0, 16] {
            // SAFETY: as above, and the other thread has ended.
            let site = unsafe {
                let place = TagPlace::behind(core::ptr::with_exposed_provenance_mut(block + at), 8);
                place.and_then(|place| place.site())
            };
            assert_eq!(site, Some(NodeId(at as u32 + 1)), "a tag is not known again");
        }
    })
}

fn two_modes() -> Act {
    leaked(mode::set(Mode::Off));
    Box::new(|| {
        let reader = thread::spawn(|| match mode::current().kind() {
            Kind::Off => {}
            Kind::Sampled(id) => assert!([1000, 2000].contains(&mode::interval_bytes(id))),
            Kind::Exact => panic!("nobody set it"),
        });
        let set = |interval_bytes| assert!(recorder::set_mode(Mode::Sampled { interval_bytes }));
        at_once(move || set(1000), || set(2000));
        reader.join().expect("it does not panic");
        let Kind::Sampled(id) = mode::current().kind() else { panic!("it was set") };
        assert!([1000, 2000].contains(&mode::interval_bytes(id)));
    })
}
