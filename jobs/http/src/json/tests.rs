use super::*;
use serde_json::json;

fn judge(condition: &str) -> Option<String> {
    let answer = json!({
        "status": "ok", "queue": [1, 2, 3], "n": 5, "half": 0.5, "on": true, "none": null,
        "items": [{"id": 7}, {"id": 9}], "odd name": {"length": 1, "x": 2}, "length": "own",
        "big": 9_007_199_254_740_993_u64, "at": "2026-01-02",
    });
    JsonTest::parse(condition).unwrap().judge(&answer)
}

#[test]
fn conditions_that_hold() {
    for condition in [
        "$.status == \"ok\"",
        "$.status != \"down\"",
        "$.queue.length < 100",
        "$.queue.length==3",
        "$.queue[-1] >= 3",
        "$.queue contains 2",
        "$.items[0].id exists",
        "$.items[2] missing",
        "$[\"odd name\"].length == 1",
        "$.length == \"own\"",
        "$.status.length <= 2",
        "$.status contains \"k\"",
        "$.items[0] contains \"id\"",
        "$.n == 5.0",
        "$.half > 0",
        "$.on == true",
        "$.none == null",
        "$.none exists",
        "$.big == 9007199254740993",
        "$.big > 9007199254740992",
        "$.at < \"2026-01-03\"",
        "$ exists",
        "$.queue != 3",
    ] {
        assert_eq!(judge(condition), None, "{condition}");
    }
}

#[test]
fn conditions_that_do_not_hold_say_what_was_found() {
    for (condition, want) in [
        ("$.status == \"down\"", "$.status is \"ok\", expected == \"down\""),
        ("$.queue.length < 3", "$.queue.length is 3, expected < 3"),
        ("$.queue == 3", "$.queue is a list of 3, expected == 3"),
        ("$.nothing == 1", "$.nothing is missing, expected == 1"),
        ("$.nothing exists", "$.nothing is missing"),
        ("$.n missing", "$.n is 5, expected to be missing"),
        ("$.status < 3", "$.status is \"ok\", which cannot be compared with 3"),
        ("$.n.length == 1", "$.n.length is missing, expected == 1"),
        ("$.queue[-4] exists", "$.queue[-4] is missing"),
        ("$.big == 9007199254740992", "$.big is 9007199254740993, expected == 9007199254740992"),
    ] {
        assert_eq!(judge(condition).as_deref(), Some(want), "{condition}");
    }
    let long = JsonTest::parse("$ == 1").unwrap().judge(&json!("x".repeat(500))).unwrap();
    assert!(long.len() < 100, "{long}");
}

#[test]
fn wrong_conditions_are_explained() {
    for (condition, want) in [
        ("status == 1", "a path starts with $"),
        ("$.status", "after the path $.status comes =="),
        ("$.status = 1", "after the path $.status comes =="),
        ("$.status == ok", "a string in double quotes (\"ok\"?)"),
        ("$.status == 'ok'", "a string in double quotes (\"ok\"?)"),
        ("$..x == 1", "a name is missing after the dot"),
        ("$.x[ == 1", "a ] is missing"),
        ("$.x[one] == 1", "[one] must hold a whole number"),
        ("$[\"x == 1", "is no JSON string"),
        ("$.x < true", "< needs a number or a string"),
        ("$.x == [1]", "lists and tables cannot be compared"),
        ("$.x exists 1", "nothing may follow exists"),
        ("$.x ==", "after == comes"),
    ] {
        let error = JsonTest::parse(condition).unwrap_err();
        assert!(error.contains(want) && error.contains(FORM), "{condition}: {error}");
    }
}
