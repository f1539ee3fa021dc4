//! stub harness
use schleuse_inference::*;
fn main() -> std::process::ExitCode {
    let mut a = std::env::args_os().skip(1);
    let first = a.next();
    if first.as_deref() == Some("engine-worker".as_ref()) {
        return worker_main(a);
    }
    let rt = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    rt.block_on(async {
        let e = Engine::start(EngineConfig {
            weights: first.unwrap().into(),
            model: "smol".into(),
            socket: "/tmp/iw/e.sock".into(),
            threads: None,
            context_tokens: 8192,
            parallel: 8,
            memory_max_bytes: None,
            program: "/proc/self/exe".into(),
        })
        .await;
        match e {
            Ok(e) => {
                eprintln!("{} {:?}", e.status(), e.worker_pid());
                tokio::time::sleep(std::time::Duration::from_secs(600)).await;
                e.stop().await;
            }
            Err(e) => eprintln!("{e}"),
        }
    });
    std::process::ExitCode::SUCCESS
}
