// What every peer shares: it ends with the test that started it, and takes its settings from it.
//
// Standard input is the life line: the settings are its first line (JSON), its end is the peer's end, so that even a
// test killed by SIGKILL leaves no server behind. Settings do not travel in argv or the environment because they hold
// client secrets, which the canary scan looks for there. Prism, which needs no settings, gets this file by --import.
import { createRequire } from 'node:module'
import { createInterface } from 'node:readline'
import { pathToFileURL } from 'node:url'

const lines = createInterface({ input: process.stdin })
lines.on('close', () => process.exit())

/** Resolves to the settings object that the test wrote. */
export const settings = new Promise((resolve) => lines.once('line', (line) => resolve(JSON.parse(line))))

/** Imports an installed package. They lie in target/peers, the working directory, and not above this file. */
export const load = (name) =>
  import(pathToFileURL(createRequire(`${process.cwd()}/`).resolve(name)))

/** Listens on a free loopback port and resolves to that port. */
export const listen = (server) =>
  new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server.address().port)))

/** Prints the one line that says where the peer listens. */
export const ready = (line) => console.log(JSON.stringify(line))
