// The servers that covey's gateway is measured beside, each on a port of its own, with the same directory.

import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";

import { freePort } from "./free-port.ts";

export interface WebServer extends AsyncDisposable {
  /** With a slash at the end. */
  readonly url: string;
}

/** Python's own, or why there is none. */
export async function startPython(directory: string): Promise<WebServer | string> {
  const { status, stdout } = spawnSync("python3", ["-c", "import sys; print(sys.executable)"], { encoding: "utf8" });
  if (status !== 0) return "python3 is not installed";
  return startServer(stdout.trim(), (port) => [
    ...["-m", "http.server", String(port), "--bind", "127.0.0.1"],
    ...["--directory", directory, "--protocol", "HTTP/1.1"],
  ]);
}

/** nginx with sendfile and a process for each core, or why there is none. `own`: a directory for its files. */
export async function startNginx(directory: string, own: string): Promise<WebServer | string> {
  const program = ["nginx", "/usr/sbin/nginx"].find((path) => spawnSync(path, ["-v"]).status === 0);
  if (program === undefined) return "nginx is not installed";
  await mkdir(own);
  const config = join(own, "nginx.conf");
  return startServer(program, async (port) => {
    await writeFile(
      config,
      `daemon off; ${process.getuid?.() === 0 ? "user root;" : ""} worker_processes auto; pid ${own}/pid; error_log ${own}/error.log;
events { worker_connections 1024; }
http {
  access_log off; sendfile on; tcp_nopush on;
  ${["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map((name) => `${name}_temp_path ${own}/${name};`).join(" ")}
  server { listen 127.0.0.1:${port}; root ${directory}; }
}
`,
    );
    return ["-c", config];
  });
}

async function startServer(
  program: string,
  argv: (port: number) => readonly string[] | Promise<readonly string[]>,
): Promise<WebServer | string> {
  const port = await freePort();
  const child = spawn(program, await argv(port), { stdio: "ignore" });
  const exited = once(child, "exit");
  const url = `http://127.0.0.1:${port}/`;
  for (let tries = 0; !(await answers(url)); tries++) {
    if (child.exitCode !== null || tries === 100) {
      child.kill();
      return `${program} does not start here`;
    }
    await wait(50);
  }
  return {
    url,
    async [Symbol.asyncDispose]() {
      child.kill();
      await exited;
    },
  };
}

const answers = (url: string): Promise<boolean> =>
  fetch(url).then(
    async (response) => (await response.arrayBuffer(), true),
    () => false,
  );
