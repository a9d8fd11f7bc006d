//! What is read, and what is refused.

use super::*;

#[test]
fn an_expression_is_shown_as_written() {
    assert_eq!(cron("  0\t3  * *   Mon-FRI\n").to_string(), "0 3 * * Mon-FRI");
    assert_eq!(cron(" @daily ").to_string(), "@daily");
    assert_eq!(cron("0 3 * * 1"), cron("0  3  *  *  1"));
}

#[test]
fn what_is_wrong_is_said_with_its_place_and_a_remedy() {
    let order = "minute, hour, day of month, month and day of week, such as `0 3 * * *`";
    let quartz = format!(
        "is Quartz's syntax, with a field for seconds or years that crontab does not know; write five fields: {order}"
    );
    let command =
        format!("goes on after its fifth field; leave out the user and the command, and write five fields: {order}");
    for (line, told) in [
        ("", "the crontab expression is empty; write five fields, such as `0 3 * * *`".to_owned()),
        ("0 3 * *", format!("`0 3 * *` has 4 of five fields; write {order}")),
        ("0 0 3 * * *", format!("`0 0 3 * * *` (6 fields) {quartz}")),
        ("0 0 3 ? * MON-FRI", format!("`0 0 3 ? * MON-FRI` (6 fields) {quartz}")),
        ("0 0 3 * * ? 2030", format!("`0 0 3 * * ? 2030` (7 fields) {quartz}")),
        ("0 3 * * * root backup", format!("`0 3 * * * root backup` (7 fields) {command}")),
        ("0 3 * * * sunset", format!("`0 3 * * * sunset` (6 fields) {command}")),
        ("@reboot", "`@reboot` has no time at which it is due; write `every` instead".to_owned()),
        ("@daily backup", "`backup` stands after `@daily`, which is a whole expression; leave it out".to_owned()),
        ("@Daily", "`@Daily` is no nickname of crontab; write @hourly, @daily, @midnight, @weekly, @monthly, @yearly or @annually".to_owned()),
    ] {
        assert_eq!(Cron::parse(line).unwrap_err(), told);
    }
}

#[test]
fn what_is_wrong_in_a_field_is_said() {
    for (line, told) in [
        ("60 * * * *", "minute `60` is out of range; write a number from 0 to 59"),
        ("0 1,24 * * *", "hour `24` in `1,24` is out of range; write a number from 0 to 23"),
        ("0 0 0 * *", "day of month `0` is out of range; write a number from 1 to 31"),
        ("0 0 1 13 *", "month `13` is out of range; write a number from 1 to 12, or a name from jan to dec"),
        ("0 0 1 july *", "month `july` is no number; write a number from 1 to 12, or a name from jan to dec"),
        ("0 0 * * 8", "day of week `8` is out of range; write a number from 0 to 7, or a name from sun to sat"),
        ("99999999999 * * * *", "minute `99999999999` is out of range; write a number from 0 to 59"),
        ("-5 * * * *", "minute `-5` lacks a number; write a number from 0 to 59"),
        ("+5 * * * *", "minute `+5` is no number; write a number from 0 to 59"),
        ("5,,7 * * * *", "minute `` in `5,,7` lacks a number; write a number from 0 to 59"),
        ("*5 * * * *", "minute `*5` is no number; write a number from 0 to 59"),
        ("5/10 * * * *", "minute `5/10` has a step without a range; write 5-59/10 or */10"),
        ("*/0 * * * *", "minute `*/0` has a step that is no number above 0; write for example */5"),
        ("1-9/ * * * *", "minute `1-9/` has a step that is no number above 0; write for example */5"),
        ("0 22-6 * * *", "hour `22-6` runs backwards, and cron would never call it; write 22-23,0-6"),
        ("0 22-6/2 * * *", "hour `22-6/2` runs backwards, and cron would never call it; write 22-23/2,0-6/2"),
        ("0 0 * * fri-sun", "day of week `fri-sun` runs backwards, and cron would never call it; write 5-7,0"),
        ("0 0 ? * 1", "day of month `?` is Quartz's syntax (`?`), which crontab does not know; write *"),
        ("0 0 L * *", "day of month `L` is Quartz's syntax (`L`), which crontab does not know; write a fixed day"),
        (
            "0 0 15W * *",
            "day of month `15W` is Quartz's syntax (`W`), which crontab does not know; write 1-5 as day of week",
        ),
        ("0 0 * * 5L", "day of week `5L` is Quartz's syntax (`L`), which crontab does not know; write a fixed day"),
        (
            "0 0 * * mon#2",
            "day of week `mon#2` is Quartz's syntax (`#`), which crontab does not know; write the day's name alone, such as mon",
        ),
        (
            "H(0-29)/10 * * * *",
            "minute `H(0-29)/10` is Jenkins's syntax (`H`), which crontab does not know; write a fixed number",
        ),
        ("H H * * *", "minute `H` is Jenkins's syntax (`H`), which crontab does not know; write a fixed number"),
        ("0~59 * * * *", "minute `0~59` is a random number (`~`), which no clock can foresee; write a fixed number"),
    ] {
        assert_eq!(Cron::parse(line).unwrap_err(), told);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2_000) })]

    #[test]
    fn nothing_makes_the_reading_panic(text in prop_oneof![
        any::<String>(),
        "[-0-9*/,@?#LWHa-z ]{0,40}",
        "([-0-9*/,]{1,6} ){4}[-0-9*/,]{1,6}",
    ]) {
        match Cron::parse(&text) {
            Ok(cron) => prop_assert_eq!(Cron::parse(&cron.to_string()), Ok(cron)),
            Err(told) => prop_assert!(told.contains("; ")),
        }
    }
}
