// scp and rsync over a private sshd on loopback, with a configuration, keys and a port of its own: what covey is measured beside.

import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { copyFile, mkdir, rm, writeFile } from "node:fs/promises";
import { userInfo } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { promisify } from "node:util";

import { freePort } from "./free-port.ts";

const run = promisify(execFile);
const SSHD = "/usr/sbin/sshd";
const CIPHER = "aes128-gcm@openssh.com";

/** The best time in seconds for one file by scp, or why there is none. `parent`: where its files are made and removed. */
export const timeScp = (path: string, parent: string, runs: number): Promise<number | string> =>
  withSshd(parent, (ssh) => best(runs, ssh.target, () => run("scp", [...ssh.options("-P"), path, `${ssh.host}:${ssh.target}`])));

/** The same for a directory by `rsync -a` over ssh. */
export async function timeRsync(path: string, parent: string, runs: number): Promise<number | string> {
  if (!existsSync("/usr/bin/rsync")) return "/usr/bin/rsync is not installed";
  return withSshd(parent, (ssh) =>
    best(runs, ssh.target, () =>
      run("rsync", ["-a", "-e", ["ssh", ...ssh.options("-p")].join(" "), path, `${ssh.host}:${ssh.target}`]),
    ),
  );
}

interface Ssh {
  readonly host: string;
  /** What is copied goes there. */
  readonly target: string;
  options(portFlag: "-p" | "-P"): readonly string[];
}

async function best(runs: number, target: string, copy: () => Promise<unknown>): Promise<number> {
  let seconds = Infinity;
  for (let i = 0; i < runs; i++) {
    const start = performance.now();
    await copy();
    seconds = Math.min(seconds, (performance.now() - start) / 1000);
    await rm(target, { recursive: true });
  }
  return seconds;
}

async function withSshd(parent: string, measure: (ssh: Ssh) => Promise<number>): Promise<number | string> {
  if (!existsSync(SSHD)) return `${SSHD} is not installed`;
  const dir = join(parent, "ssh");
  await mkdir(dir, { mode: 0o700 });
  const at = (name: string): string => join(dir, name);
  for (const key of ["host", "user"]) await run("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", at(key)]);
  await copyFile(at("user.pub"), at("authorized"));
  const port = await freePort();
  const config = [
    `ListenAddress 127.0.0.1:${port}`,
    `HostKey ${at("host")}`,
    `AuthorizedKeysFile ${at("authorized")}`,
    `PidFile ${at("pid")}`,
  ];
  await writeFile(at("config"), [...config, "StrictModes no", "UsePAM no", "Subsystem sftp internal-sftp", ""].join("\n"));
  // Root's sshd insists on /run/sshd: where there is none, it gets one in a mount namespace of its own.
  const bare = process.getuid?.() === 0 && !existsSync("/run/sshd");
  const script = 'mount -t tmpfs tmpfs /run && mkdir -m 755 /run/sshd && exec "$0" "$@"';
  const serve = [SSHD, "-D", "-f", at("config")];
  const sshd = bare
    ? spawn("unshare", ["-m", "sh", "-c", script, ...serve], { stdio: "ignore" })
    : spawn(SSHD, serve.slice(1), { stdio: "ignore" });
  const exited = once(sshd, "exit");
  const settings = ["StrictHostKeyChecking=no", `UserKnownHostsFile=${at("known")}`, "IdentitiesOnly=yes", "BatchMode=yes"];
  const ssh: Ssh = {
    host: `${userInfo().username}@127.0.0.1`,
    target: at("copy"),
    options: (portFlag) => [
      ...["-q", "-F", "none", "-i", at("user"), portFlag, String(port), "-c", CIPHER],
      ...settings.flatMap((setting) => ["-o", setting]),
    ],
  };
  try {
    await untilItWorks(() => run("ssh", [...ssh.options("-p"), ssh.host, "true"]));
    return await measure(ssh);
  } catch (error) {
    return `it failed: ${(error as Error).message.split("\n").at(-2) ?? (error as Error).message}`;
  } finally {
    sshd.kill();
    await exited;
    await rm(dir, { recursive: true, force: true });
  }
}

async function untilItWorks(work: () => Promise<unknown>): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      await work();
      return;
    } catch (error) {
      if (tries === 20) throw error;
      await wait(100);
    }
  }
}
