// Loaded into a process before its own code. It is asked to stop when the one that started it closes its stdin or is gone, even
// by SIGKILL: a sidecar that nobody knows of would keep the embedded database to itself.
process.stdin.on("end", () => process.kill(process.pid, "SIGTERM")).resume();
process.stdin.unref();

export {};
