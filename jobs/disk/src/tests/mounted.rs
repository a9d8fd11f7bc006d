//! `/proc/self/mountinfo`, as recorded on hosts of several kinds, as somebody might forge it, and as it is here.

use super::*;
use crate::look;
use crate::mounts::{Mount, Mounts};
use std::fs;
use std::io::Read;

/// A host with LVM, btrfs and ZFS, a snap, a network, and a disk that is mounted when it is needed.
const HOST: &str = r"22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/mapper/vg-root rw,errors=remount-ro
23 22 0:21 / /proc rw,nosuid shared:12 - proc proc rw
24 22 0:5 / /dev rw,nosuid shared:2 - devtmpfs udev rw,size=1k
25 22 0:24 / /run rw,nosuid shared:5 - tmpfs tmpfs rw,size=3280416k
30 22 0:41 /@home /home rw,relatime shared:30 - btrfs /dev/nvme0n1p3 rw,ssd,subvolid=256,subvol=/@home
31 22 0:41 /@log /var/log rw,relatime shared:31 - btrfs /dev/nvme0n1p3 rw,ssd,subvolid=257,subvol=/@log
32 22 0:50 / /tank rw,noatime shared:32 master:4 - zfs tank rw,xattr
33 22 7:1 / /snap/core/1 ro,nodev shared:33 - squashfs /dev/loop1 ro
34 22 0:52 / /mnt/nfs rw,relatime shared:34 - nfs4 server:/export rw,vers=4.2
35 22 0:53 / /mnt/auto rw,relatime shared:35 - autofs systemd-1 rw,fd=57
36 35 8:17 / /mnt/auto rw,relatime shared:36 - xfs /dev/sdb1 rw,attr2
37 22 8:33 / /mnt/usb\040stick\134\011x rw,relatime shared:37 - vfat /dev/sdc1 rw
38 22 8:49 / /mnt/ntfs rw,relatime shared:38 - fuseblk /dev/sdd1 rw
39 22 254:0 /srv/www /var/www rw,relatime shared:1 - ext4 /dev/mapper/vg-root rw,errors=remount-ro
40 22 11:0 / /media/cd ro,relatime shared:40 - iso9660 /dev/sr0 ro
";

fn points(mounts: &[&Mount]) -> Vec<String> {
    mounts.iter().map(|mount| mount.point.display().to_string()).collect()
}

#[test]
fn local_are_those_with_a_disk_that_can_fill_up() {
    let mounts = Mounts::parse(HOST.as_bytes());
    let local = mounts.local();
    assert_eq!(points(&local), ["/", "/home", "/tank", "/mnt/auto", "/mnt/usb stick\\\tx"]);
    let container =
        b"600 500 0:60 / / rw,relatime master:1 - overlay overlay rw,lowerdir=/a\n601 600 0:61 / /dev/shm rw - \
                      tmpfs shm rw\n602 600 254:1 /var/lib/x/hosts /etc/hosts rw,relatime - ext4 /dev/vda1 rw\n603 600 \
                      0:62 / /data/x rw - overlay overlay rw\n";
    assert_eq!(points(&Mounts::parse(container).local()), ["/", "/etc/hosts"]);
}

#[test]
fn a_path_leads_to_what_is_mounted_last_on_its_way() {
    let mounts = Mounts::parse(HOST.as_bytes());
    let of = |path: &str| mounts.of(Path::new(path)).map_or(0, |mount| mount.id);
    for (path, id) in [
        ("/", 22),
        ("/etc/passwd", 22),
        ("/home", 30),
        ("/home/me/x", 30),
        ("/homer", 22),
        ("/mnt/auto", 36),
        ("/mnt/auto/x", 36),
        ("/mnt/usb stick\\\tx/y", 37),
    ] {
        assert_eq!(of(path), id, "{path}");
    }
    let is_mounted = |text: &str, path: &str| Mounts::parse(text.as_bytes()).is_mounted(Path::new(path));
    assert!(is_mounted(HOST, "/mnt/auto") && !is_mounted(HOST, "/mnt/auto/x") && !is_mounted(HOST, "/srv"));
    let waiting: Vec<&str> = HOST.lines().filter(|line| !line.starts_with("36 ")).collect();
    assert!(!is_mounted(&waiting.join("\n"), "/mnt/auto"), "what is mounted when it is needed is not, yet");
    // A later mount over /mnt hides all below it.
    let hiding = format!("{HOST}50 22 8:80 / /mnt rw - ext4 /dev/sdf1 rw\n");
    let mounts = Mounts::parse(hiding.as_bytes());
    assert_eq!(mounts.of(Path::new("/mnt/auto/x")).map(|mount| mount.id), Some(50));
    assert_eq!(points(&mounts.local()), ["/", "/mnt", "/home", "/tank"]);
}

#[test]
fn a_mount_that_the_kernel_has_made_read_only_is_known_by_its_options() {
    for (line, want) in [
        ("1 0 8:1 / / rw,relatime - ext4 /dev/sda1 rw,errors=remount-ro", false),
        ("1 0 8:1 / / rw,relatime - ext4 /dev/sda1 ro,errors=remount-ro", true),
        ("1 0 8:1 / / ro,relatime - ext4 /dev/sda1 ro,errors=remount-ro", false),
        ("1 0 8:1 / / rw,relatime - ext4 /dev/sda1 rw,emergency_ro", true),
        ("1 0 8:1 / / ro,relatime - ext4 /dev/sda1 rw,shutdown", true),
        ("1 0 7:1 / / rw,relatime - squashfs /dev/loop1 ro,errors=continue", false),
        ("1 0 8:1 / / rw,relatime shared:1 master:2 - btrfs /dev/sda1 ro,ssd", true),
    ] {
        let mounts = Mounts::parse(line.as_bytes());
        let mount = mounts.of(Path::new("/")).unwrap_or_else(|| panic!("{line}"));
        assert_eq!(mount.was_made_read_only(), want, "{line}");
    }
}

#[test]
fn nonsense_is_left_out_and_ends() {
    let bad: [&[u8]; 8] = [
        b"",
        b"\n\n\n",
        b"1 2 3",
        b"x y 0:1 / / rw - ext4 a rw",
        b"1 0 0:1 / / rw shared:1 ext4 a rw",
        b"99999999999999999999999 0 0:1 / / rw - a b c",
        b"1 0 0:1 / / rw -",
        b"\xff\xfe 0 \0",
    ];
    for text in bad {
        let mounts = Mounts::parse(text);
        assert!(mounts.of(Path::new("/x")).is_none() && mounts.local().is_empty(), "{text:?}");
    }
    // Mounts that are each other's parents, and their own.
    let circle = b"1 2 8:1 / / rw - ext4 a rw\n2 1 8:2 / / rw - ext4 b rw\n3 3 8:3 / / rw - ext4 c rw\n";
    let mounts = Mounts::parse(circle);
    assert!(mounts.of(Path::new("/")).is_none() && mounts.local().is_empty());
    let odd = Mounts::parse(b"1 0 8:1 / /a\\04x\\999\\777\\ rw - ext4 a rw");
    assert_eq!(points(&odd.local()), ["/a\\04x\\999\\777\\"]);
}

#[test]
fn here_it_says_what_findmnt_says() {
    let mounts = Mounts::parse(&fs::read("/proc/self/mountinfo").unwrap());
    for path in ["/", "/proc", "/proc/version", "/usr/bin", "/dev/null"] {
        let real = Path::new(path).canonicalize().unwrap();
        let out = Command::new("findmnt").args(["-rno", "TARGET,FSTYPE", "-T"]).arg(&real).output().unwrap();
        let said = String::from_utf8(out.stdout).unwrap();
        let mount = mounts.of(&real).unwrap();
        let mine = format!("{} {}", mount.point.display(), mount.fs);
        assert_eq!(Some(mine.as_str()), said.lines().next_back(), "{path}");
    }
}

fn all(text: &str) -> Outcome {
    let plan = Spawner::spawn(vec![table::<Spawner>("all = true")]).unwrap().remove(0).plan;
    look::all(&Mounts::parse(text.as_bytes()), &[], &plan, &context())
}

#[test]
fn what_is_not_looked_at_is_never_well() {
    let nothing = all("1 0 0:20 / / rw - nfs4 server:/ rw\n");
    assert!(nothing.verdict == Verdict::Unknown && nothing.cause.is_some(), "{nothing:?}");
    // Taken away between the list and the look: not a failure, as nobody has named it.
    let gone = all("1 0 8:1 / /no/such/stick rw - vfat /dev/sdx1 rw\n");
    assert!(gone.verdict == Verdict::Unknown && gone.summary.contains("no local file system"), "{gone:?}");
    let many: Vec<String> = (0..300).map(|n| format!("{n} 999 8:{n} / /no/such/{n} rw - ext4 /dev/x rw\n")).collect();
    let many = all(&many.concat());
    assert!(many.verdict == Verdict::Unknown && many.summary.starts_with("44 more file systems: are not"), "{many:?}");
}

#[test]
fn a_list_of_mounts_that_is_too_long_is_not_read_in_part() {
    let line = "1 0 8:1 / / rw - ext4 /dev/sda1 rw\n";
    assert!(look::mounts_of(line.as_bytes()).unwrap().of(Path::new("/x")).is_some());
    let why = look::mounts_of(std::io::repeat(b'x').take(1 << 30)).unwrap_err();
    assert!(why.to_string().contains("longer than 4 MiB"), "{why}");
}
