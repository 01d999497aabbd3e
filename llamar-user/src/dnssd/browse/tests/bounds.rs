//! What a flood of made-up records does.

use super::*;

#[test]
fn flood_of_types_and_instances_is_bounded_and_wishes_as_much_as_is_known() {
    let mut scene = Scene::all();
    for number in 0..6_000 {
        scene.hear_on(
            ETH0,
            &ptr(META, &format!("_x{number}._tcp.local")),
            Change::Added,
        );
        scene.hear_on(
            ETH0,
            &ptr("_http._tcp.local", &format!("x{number}._http._tcp.local")),
            Change::Added,
        );
    }
    let told = scene.told();
    let types = told.iter().filter(|line| line.contains("type")).count();
    assert_eq!((types, told.len() - types), (512, 4096));
    assert_eq!(scene.wishes().len(), 2 + 512 + 2 * 4096);
    // What goes makes room.
    scene.lose(&[ptr("_http._tcp.local", "x0._http._tcp.local")]);
    let late = ptr("_http._tcp.local", "x5999._http._tcp.local");
    assert_eq!(scene.hear(&[late]), ["+ x5999._http._tcp.local"]);
}

#[test]
fn flood_of_records_of_one_instance_is_bounded() {
    const WEB: &str = "Web._http._tcp.local";
    let mut scene = Scene::passive(Scope::All(local()));
    for number in 0..1_000 {
        scene.hear_on(
            ETH0,
            &srv(WEB, &format!("h{number}.local"), 80),
            Change::Added,
        );
        scene.hear_on(ETH0, &txt(WEB, &[&format!("n={number}")]), Change::Added);
        let ip = format!("192.0.{}.{}", number / 250, number % 250);
        scene.hear_on(ETH0, &address("h0.local", &ip), Change::Added);
    }
    scene.told();
    let resolved = scene.wait(10_000).pop().unwrap();
    assert_eq!(resolved.matches(":80").count(), 16);
    assert_eq!(resolved.matches("n=").count(), 16);
    assert_eq!(resolved.matches("192.0.").count(), 64);
}
