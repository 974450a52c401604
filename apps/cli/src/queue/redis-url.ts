import { InvalidArgumentError } from "commander";

/** The password that redis-cli takes from the environment too, so that none stands in the list of processes. */
const PASSWORD = "REDISCLI_AUTH";

/** Parses the address of a Redis. */
export const parseRedisUrl = (text: string): string => {
  if (URL.canParse(text)) {
    const { protocol, hostname, pathname } = new URL(text);
    const isAddress = /^rediss?:$/.test(protocol) && hostname !== "";
    if (isAddress && /^\/?\d*$/.test(pathname)) return text;
  }
  throw new InvalidArgumentError("Expected redis://[user:password@]host[:port][/database], or rediss:// for TLS.");
};

/** An address as it may be printed: without its password. */
export const showRedisUrl = (address: string): string => {
  const url = new URL(address);
  if (url.password !== "") url.password = "***";
  return url.href.replace(/\/$/, "");
};

/** The address with the password of the environment, where it has none. */
export const withPassword = (address: string): string => {
  const url = new URL(address);
  const password = process.env[PASSWORD];
  if (url.password === "" && password !== undefined) url.password = encodeURIComponent(password);
  return url.href;
};
