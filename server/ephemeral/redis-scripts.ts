/** Scripts concern one key each, so that they run on a cluster too. */
export const SCRIPTS = {
  replaceValue: `
    local old, ttl = redis.call('GET', KEYS[1]), redis.call('PTTL', KEYS[1])
    redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
    return {old, ttl}`,
  raiseNumber: `
    local current = redis.call('GET', KEYS[1])
    if current and not (tonumber(current) and tonumber(current) < tonumber(ARGV[1])) then return 0 end
    redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
    return 1`,
  setLatest: `
    local current = redis.call('GET', KEYS[1])
    if current and cjson.decode(current).at > tonumber(ARGV[2]) then return 0 end
    redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[3])
    return 1`,
  takeIfEqual: `
    local value, ttl = redis.call('GET', KEYS[1]), redis.call('PTTL', KEYS[1])
    if not value then return {0, 0} end
    if value ~= ARGV[1] then return {1, 0} end
    redis.call('DEL', KEYS[1])
    return {2, ttl}`,
  incrementBelow: `
    if tonumber(redis.call('GET', KEYS[1]) or '0') >= tonumber(ARGV[1]) then return -1 end
    local count = redis.call('INCR', KEYS[1])
    if count == 1 then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
    return count`,
  decrementAboveZero: `
    if tonumber(redis.call('GET', KEYS[1]) or '0') > 0 then redis.call('DECR', KEYS[1]) end
    return 0`,
  addFieldBelow: `
    if redis.call('HLEN', KEYS[1]) >= tonumber(ARGV[3]) then return 0 end
    redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
    redis.call('PEXPIRE', KEYS[1], ARGV[4])
    return 1`,
};

/** The commands that `SCRIPTS` adds to the client. */
export interface ScriptCommands {
  replaceValue(key: string, value: string, ttlMs: number): Promise<[string | null, number]>;
  raiseNumber(key: string, value: number, ttlMs: number): Promise<number>;
  setLatest(key: string, value: string, at: number, ttlMs: number): Promise<number>;
  takeIfEqual(key: string, expected: string): Promise<[number, number]>;
  incrementBelow(key: string, max: number, ttlMs: number): Promise<number>;
  decrementAboveZero(key: string): Promise<number>;
  addFieldBelow(
    key: string,
    field: string,
    value: string,
    max: number,
    ttlMs: number,
  ): Promise<0 | 1>;
}
