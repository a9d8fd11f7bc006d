//! Maintenance as windows.

use super::*;

#[test]
fn maintenance_becomes_windows() {
    let made = made(
        "maintenance: {start: \"23:00\", duration: 1h30m, every: [Monday, Sunday], timezone: Europe/Berlin}\nendpoints:\n  \
         - name: shop\n    group: core\n    url: https://a.example.com\n    conditions: [\"[CERTIFICATE_EXPIRATION] > 48h\"]\n    \
         maintenance-windows:\n      - {start: \"05:00\"}\n      - {start: \"06:00\", enabled: false}\n      - {start: \"07:00\", every: [], odd: 1}\n  \
         - name: mail\n    url: tcp://a.example.com:25\n",
    );
    loads(&made);
    let shop = "\"core_shop\", \"core_shop:tls\"";
    let windows: Vec<String> = made.windows.iter().map(Table::to_toml).collect();
    assert_eq!(
        windows,
        [
            format!(
                "[[window]]\nname = \"maintenance of core/shop\"\njobs = [{shop}]\nstart = \"05:00\"\nlength = \"1h\"\n\
                 timezone = \"UTC\"\n"
            ),
            format!(
                "[[window]]\nname = \"maintenance of core/shop (3)\"\njobs = [{shop}]\nstart = \"07:00\"\nlength = \"1h\"\n\
                 timezone = \"UTC\"\n"
            ),
            format!(
                "[[window]]\nname = \"maintenance\"\njobs = [{shop}, \"_mail\"]\nstart = \"23:00\"\nlength = \"90min\"\n\
                 days = [\"mon\", \"sun\"]\ntimezone = \"Europe/Berlin\"\n"
            ),
        ]
    );
    has(&made, 9, "maintenance of core/shop (2) is switched off");
    has(&made, 10, "maintenance of core/shop (3): odd is not taken over");
}

#[test]
fn a_window_holds_what_can_be_used() {
    let mut made = made(
        "maintenance: {start: \"23:00\"}\nendpoints:\n  - {name: a, url: \"tcp://a.example.com:1\"}\n  \
         - {name: b, url: \"tcp://a.example.com:2\"}\n",
    );
    made.give_up(0, "no reason");
    assert_eq!(key(&made.windows[0], "jobs"), "[\"_b\"]");
    made.give_up(1, "it is not wanted");
    made.give_up(1, "there is none");
    has(&made, 1, "this would be a window that cannot be used: it is not wanted");
    let toml = made.to_toml();
    assert!(toml.contains("# [[window]]\n# name = \"maintenance\"") && toml.parse::<toml::Table>().is_ok(), "{toml}");
}
