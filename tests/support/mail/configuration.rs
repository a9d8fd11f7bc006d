//! The files of settings of both servers.

use super::{DOMAIN, OWNER, Ports, Site};
use std::path::Path;

pub(super) fn main_cf(folder: &Path, site: &Site) -> String {
    let dir = folder.display();
    let boxes: Vec<String> = site.boxes.iter().map(|(to, folder)| format!("{{ {to} = {folder} }}")).collect();
    let rules: Vec<String> = site.rules.iter().map(|(to, rule)| format!("{{ {to} = {rule} }}")).collect();
    format!(
        "compatibility_level = 3.6
config_directory = {dir}/postfix
queue_directory = {dir}/spool
data_directory = {dir}/postfix-data
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
mail_owner = postfix
setgid_group = postdrop
process_id_directory = pid
maillog_file = {dir}/postfix.log
maillog_file_prefixes = {dir}
myhostname = mail.{DOMAIN}
mydomain = {DOMAIN}
myorigin = {DOMAIN}
mydestination =
inet_interfaces = {addresses}
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
local_transport = error:5.1.1 nobody lives here
local_recipient_maps =
alias_maps =
alias_database =
default_transport = error:5.7.1 nothing leaves this machine
relay_transport = error:5.7.1 nothing leaves this machine
relay_domains =
smtp_dns_support_level = disabled
smtpd_peername_lookup = no
notify_classes =
virtual_mailbox_domains = {domains}
virtual_mailbox_base = {dir}/mail
virtual_mailbox_maps = inline:{{ {boxes} }}
virtual_minimum_uid = 1000
virtual_uid_maps = static:{OWNER}
virtual_gid_maps = static:{OWNER}
virtual_mailbox_limit = 0
smtpd_tls_cert_file = {dir}/tls/server.pem
smtpd_tls_key_file = {dir}/tls/server.key
smtpd_tls_auth_only = yes
smtpd_sasl_type = dovecot
smtpd_sasl_path = private/auth
smtpd_sasl_security_options = noanonymous
smtpd_relay_restrictions = reject_unauth_destination
smtpd_recipient_restrictions = check_recipient_access inline:{{ {rules} }}
smtpd_client_connection_rate_limit = 0
smtpd_client_connection_count_limit = 0
smtpd_error_sleep_time = 0
queue_run_delay = 5s
",
        addresses = site.addresses.join(", "),
        domains = site.domains(),
        boxes = boxes.join(", "),
        rules = rules.join(", ")
    )
}

pub(super) fn master_cf(ports: Ports, site: &Site) -> String {
    let login = "-o smtpd_sasl_auth_enable=yes\n  -o smtpd_client_restrictions=permit_sasl_authenticated,reject";
    let doors = site.addresses.iter().map(|at| {
        format!(
            "{at}:{} inet n - n - - smtpd
  -o smtpd_tls_security_level=none
{at}:{} inet n - n - - smtpd
  -o smtpd_tls_security_level=encrypt
  {login}
{at}:{} inet n - n - - smtpd
  -o smtpd_tls_wrappermode=yes
  {login}
",
            ports.plain, ports.starttls, ports.tls
        )
    });
    doors.collect::<String>()
        + "cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
proxymap unix - - n - - proxymap
error unix - - n - - error
retry unix - - n - - error
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
postlog unix-dgram n - n - 1 postlogd
"
}

#[expect(clippy::too_many_lines, reason = "it is one file of settings")]
pub(super) fn dovecot_conf(folder: &Path, ports: Ports, site: &Site) -> String {
    let dir = folder.display();
    format!(
        "base_dir = {dir}/run
state_dir = {dir}/dovecot-state
log_path = {dir}/dovecot.log
instance_name = {instance}
protocols = imap
listen = {addresses}
mail_location = maildir:%h
first_valid_uid = {OWNER}
last_valid_uid = {OWNER}
first_valid_gid = {OWNER}
mail_fsync = never
mail_max_userip_connections = 1000
default_process_limit = 1000
default_client_limit = 4000
auth_mechanisms = plain login xoauth2
auth_failure_delay = 0
ssl = required
ssl_cert = <{dir}/tls/server.pem
ssl_key = <{dir}/tls/server.key
passdb {{
  driver = oauth2
  mechanisms = xoauth2
  args = {dir}/dovecot/oauth2.conf
}}
passdb {{
  driver = passwd-file
  mechanisms = plain login
  args = {dir}/dovecot/users
}}
userdb {{
  driver = passwd-file
  args = {dir}/dovecot/users
}}
namespace inbox {{
  inbox = yes
  mailbox Gesendet {{
    special_use = \\Sent
  }}
  mailbox Entwürfe {{
    special_use = \\Drafts
  }}
  mailbox Papierkorb {{
    special_use = \\Trash
  }}
  mailbox Spam-Verdacht {{
    special_use = \\Junk
  }}
}}
service imap-login {{
  inet_listener imap {{
    port = 0
  }}
  inet_listener imaps {{
    port = {imaps}
    ssl = yes
  }}
}}
service auth {{
  unix_listener {dir}/spool/private/auth {{
    mode = 0660
    user = postfix
    group = postfix
  }}
}}
service anvil {{
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
",
        instance = folder.file_name().expect("a name").to_string_lossy(),
        addresses = site.addresses.join(", "),
        imaps = ports.imaps
    )
}
