//! Apache with mod_oauth2 in front of an API: what tokenkeep gets opens it, by introspection and by the issuer's keys.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::common::issuer::exchange;
use crate::common::peer::{Client, OidcProvider};
use crate::common::{TestEnvironment, skipped};
use crate::setup::{get_json, init};

const MODULES: &str = "/usr/lib/apache2/modules";

const CLIENT: Client = Client { id: "api-user", secret: "user-CANARY-secret", method: "client_secret_basic" };

/// The API itself is a client too: who asks about tokens proves who it is.
const API: Client = Client { id: "api", secret: "apache-secret", method: "client_secret_basic" };

/// Apache with files of its own on a free port.
struct Apache {
    child: Child,
    address: SocketAddr,
}

impl Apache {
    fn start(environment: &TestEnvironment, provider: &OidcProvider) -> Self {
        let root = environment.path("apache");
        std::fs::create_dir_all(root.join("www")).expect("the root is ours");
        for page in ["introspected", "signed"] {
            std::fs::write(root.join("www").join(page), "let in\n").expect("the folder is ours");
        }
        // Whoever else takes the port in between makes Apache end at once: then another one is tried.
        for _ in 0..5 {
            let free = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port");
            let config = environment.write("apache/httpd.conf", config(&root, free, provider));
            let child = Command::new("/usr/sbin/apache2")
                .arg("-f")
                .arg(config)
                .arg("-DFOREGROUND")
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .expect("apache2 runs");
            let mut apache = Self { child, address: free };
            if apache.listens() {
                return apache;
            }
        }
        panic!("Apache does not start:\n{}", std::fs::read_to_string(root.join("error.log")).unwrap_or_default());
    }

    /// Waits until it listens or has ended: it says neither by itself.
    fn listens(&mut self) -> bool {
        while self.child.try_wait().expect("a child can be waited for").is_none() {
            if TcpStream::connect(self.address).is_ok() {
                return true;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        false
    }

    /// The status line of a request with a token.
    fn status(&self, path: &str, token: Option<&str>) -> String {
        let header = token.map(|token| format!("Authorization: Bearer {token}\r\n")).unwrap_or_default();
        let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{header}\r\n");
        let answer = exchange(self.address, request.as_bytes());
        String::from_utf8_lossy(&answer).lines().next().unwrap_or_default().to_owned()
    }
}

impl Drop for Apache {
    fn drop(&mut self) {
        // Not KILL: its workers would be left behind.
        let _ = kill_process(Pid::from_child(&self.child), Signal::TERM);
        let _ = self.child.wait();
    }
}

fn config(root: &Path, address: SocketAddr, provider: &OidcProvider) -> String {
    let root = root.display();
    let modules: String = ["mpm_event", "authn_core", "authz_core", "authz_user", "oauth2"]
        .iter()
        .map(|name| format!("LoadModule {name}_module {MODULES}/mod_{name}.so\n"))
        .collect();
    let options = "ssl_verify=false";
    format!(
        "ServerRoot {root}\nServerName localhost\nListen {address}\nPidFile {root}/httpd.pid\nDefaultRuntimeDir {root}\n\
         Mutex pthread\nErrorLog {root}/error.log\nUser www-data\nGroup www-data\n{modules}\
         DocumentRoot {root}/www\nStartServers 1\n\
         OAuth2TargetPass remote_user_claim=client_id\n\
         <Location /introspected>\nAuthType oauth2\n\
         OAuth2TokenVerify introspect {}/token/introspection introspect.{options}&introspect.auth=client_secret_basic\
         &client_id={}&client_secret={}\n\
         Require valid-user\n</Location>\n\
         <Location /signed>\nAuthType oauth2\nOAuth2TokenVerify jwks_uri {}/jwks jwks_uri.{options}\n\
         Require valid-user\n</Location>\n",
        provider.issuer(),
        API.id,
        API.secret,
        provider.issuer(),
    )
}

#[test]
fn apache_lets_in_by_introspection_and_by_the_keys_of_the_issuer() {
    if !Path::new(MODULES).join("mod_oauth2.so").exists() {
        return skipped("Apache with mod_oauth2 is not installed; run: scripts/test");
    }
    let provider = OidcProvider::start(&[CLIENT, API]);
    let environment = TestEnvironment::new();
    environment.canary("client secret of a peer", CLIENT.secret);
    init(&environment);
    let ca_file = provider.ca_file().display().to_string();
    environment
        .tokenkeep(["credentials", "set", "--client-id", CLIENT.id, "--secret-stdin", "--issuer", provider.issuer()])
        .args(["--ca-file", &ca_file])
        .stdin(CLIENT.secret)
        .run()
        .success();
    let token = |options: &[&str]| {
        let got = get_json(&environment).args(options).run().success().json();
        got["access_token"].as_str().expect("a token").to_owned()
    };
    let (opaque, signed) = (token(&[]), token(&["--resource", "https://jwt.example/api"]));
    assert!(!opaque.contains('.') && signed.split('.').count() == 3);
    let apache = Apache::start(&environment, &provider);
    let is = |status: &str, path: &str, token: Option<&str>| {
        let got = apache.status(path, token);
        let log = || std::fs::read_to_string(environment.path("apache/error.log")).unwrap_or_default();
        assert!(
            got.contains(status),
            "{path}: {got}, wanted {status}:\n{}",
            log().replace(token.unwrap_or("\0"), "...")
        );
    };
    // First: what Apache has let in once it lets in everywhere, by its one cache.
    is("401", "/signed", Some(&opaque));
    is("200", "/introspected", Some(&opaque));
    is("200", "/signed", Some(&signed));
    for path in ["/introspected", "/signed"] {
        is("401", path, None);
        is("401", path, Some("a-token-of-nobody"));
    }
    let mut forged = signed.clone();
    forged.truncate(forged.len() - 4);
    is("401", "/signed", Some(&format!("{forged}AAAA")));

    // Another one opens as well, once the first is given back.
    environment.tokenkeep(["token", "revoke"]).run().success();
    let fresh = token(&[]);
    assert!(fresh != opaque, "a revoked token is not handed out");
    is("200", "/introspected", Some(&fresh));
}
