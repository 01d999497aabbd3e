//! What holds whatever is heard.

use proptest::prelude::*;

use super::*;

/// A record of a small world, in which names meet often.
fn any_record() -> impl Strategy<Value = Record> {
    let instance =
        (0..3u8, 0..2u8).prop_map(|(number, kind)| format!("i{number}._k{kind}._tcp.local"));
    let host = (0..3u8).prop_map(|number| format!("h{number}.local"));
    let pointer = prop_oneof![
        (0..2u8).prop_map(|kind| format!("_k{kind}._tcp.local")),
        (0..2u8).prop_map(|kind| format!("_s._sub._k{kind}._tcp.local")),
    ];
    prop_oneof![
        (0..3u8).prop_map(|kind| ptr(META, &format!("_k{kind}._tcp.local"))),
        (pointer, instance.clone()).prop_map(|(owner, target)| ptr(&owner, &target)),
        (instance.clone(), host.clone(), 0..3u16, 0..2u16)
            .prop_map(|(owner, host, port, priority)| srv_of(&owner, (priority, 0), &host, port)),
        (instance, 0..3u8).prop_map(|(owner, number)| txt(&owner, &[&format!("n={number}")])),
        (host.clone(), 0..3u8)
            .prop_map(|(owner, last)| address(&owner, &format!("192.0.2.{last}"))),
        (host, 0..3u8).prop_map(|(owner, last)| address(&owner, &format!("fe80::{last}"))),
    ]
}

#[derive(Clone, Debug)]
enum Step {
    Hear(u32, Record, Change),
    Wait(u64),
    Follow(BTreeSet<u32>),
}

fn any_step() -> impl Strategy<Value = Step> {
    let change = prop_oneof![3 => Just(Change::Added), 2 => Just(Change::Removed)];
    let device = prop_oneof![Just(ETH0), Just(WLAN0)];
    prop_oneof![
        12 => (device, any_record(), change).prop_map(|(on, record, change)| Step::Hear(on, record, change)),
        3 => (0..2_000u64).prop_map(Step::Wait),
        1 => prop_oneof![
            Just(Step::Follow([ETH0].into())),
            Just(Step::Follow([ETH0, WLAN0].into())),
            Just(Step::Follow([].into())),
        ],
    ]
}

/// What was told and wished, and whether it makes sense.
#[derive(Default)]
struct Judge {
    /// Instances that are there, and whether they are resolved.
    there: BTreeMap<(u32, Name), bool>,
    asked: BTreeSet<(u32, Name, u16)>,
}

impl Judge {
    fn hear(&mut self, found: &Found) -> Result<(), TestCaseError> {
        let on = found.device;
        match &found.what {
            What::Added { instance, .. } => {
                let before = self.there.insert((on, instance.name().clone()), false);
                prop_assert!(before.is_none(), "added twice: {instance}");
            }
            What::Resolved(service) => {
                let before = self
                    .there
                    .insert((on, service.instance.name().clone()), true);
                prop_assert_eq!(before, Some(false));
                self.check(service)?;
            }
            What::Updated(service) => {
                let before = self.there.get(&(on, service.instance.name().clone()));
                prop_assert_eq!(before, Some(&true));
                self.check(service)?;
            }
            What::Removed { instance } => {
                let before = self.there.remove(&(on, instance.name().clone()));
                prop_assert!(before.is_some(), "removed what was not there: {instance}");
            }
            What::Type { .. } | What::Pointer { .. } => {}
        }
        Ok(())
    }

    fn check(&self, service: &Service) -> Result<(), TestCaseError> {
        let ports = service.targets.iter().map(|target| target.port);
        prop_assert!(!service.targets.is_empty() && ports.min() != Some(0));
        prop_assert!(service.targets.is_sorted_by_key(|target| target.priority));
        Ok(())
    }

    fn wish(&mut self, wish: Wish) -> Result<(), TestCaseError> {
        match wish {
            Wish::Ask(on, asked) => {
                prop_assert!(
                    self.asked.insert((on, asked.name, asked.kind)),
                    "asked twice"
                );
            }
            Wish::Cease(on, asked) => {
                prop_assert!(
                    self.asked.remove(&(on, asked.name, asked.kind)),
                    "not asked"
                );
            }
        }
        Ok(())
    }

    fn judge(&mut self, scene: &mut Scene) -> Result<(), TestCaseError> {
        while let Some(found) = scene.browser.poll_event() {
            self.hear(&found)?;
        }
        while let Some(wish) = scene.browser.poll_wish() {
            self.wish(wish)?;
        }
        Ok(())
    }
}

fn any_scope() -> impl Strategy<Value = Scope> {
    prop_oneof![
        Just(Scope::All(local())),
        Just(Scope::Instances(vec![name("_k0._tcp.local")])),
        Just(Scope::Instances(vec![name("_s._sub._k1._tcp.local")])),
        Just(Scope::Instance(name("i0._k0._tcp.local"))),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    // RFC 6763 F: B16
    #[test]
    fn what_is_told_makes_sense_and_ends_when_the_interfaces_do(
        scope in any_scope(),
        passive in any::<bool>(),
        steps in prop::collection::vec(any_step(), 0..80),
    ) {
        let mut scene = if passive { Scene::passive(scope) } else { Scene::new(scope) };
        let mut judge = Judge::default();
        for step in steps {
            match step {
                Step::Hear(on, record, change) => scene.hear_on(on, &record, change),
                Step::Wait(milliseconds) => {
                    let end = scene.now + Duration::from_millis(milliseconds);
                    while let Some(due) = scene.browser.poll_timeout().filter(|due| *due <= end) {
                        prop_assert!(due >= scene.now);
                        scene.now = due;
                        scene.browser.handle_timeout(due);
                        judge.judge(&mut scene)?;
                    }
                    scene.now = end;
                }
                Step::Follow(devices) if !passive => scene.browser.follow(scene.now, &devices),
                Step::Follow(_) => {}
            }
            judge.judge(&mut scene)?;
        }
        scene.browser.finish();
        judge.judge(&mut scene)?;
        prop_assert_eq!(scene.browser.poll_timeout(), None);
        scene.browser.follow(scene.now, &BTreeSet::new());
        judge.judge(&mut scene)?;
        prop_assert!(judge.there.is_empty() && judge.asked.is_empty());
    }
}
