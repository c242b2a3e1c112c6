-- Sends one kind of request about an image or another and prints what came of it as one JSON object.
-- Arguments: METHOD PATH IMAGES. In PATH, {public} is the id of a public image that is there, at random; in
-- X-Auth-Token, {user} is one of a thousand users after the other.
local method, path, images
local token, asked_for = nil, 0

function init(arguments)
  method, path, images = arguments[1], arguments[2], tonumber(arguments[3])
  -- Every load asks for the same images in the same order.
  math.randomseed(images)
  token = wrk.headers['X-Auth-Token']
end

function request()
  local asked = path
  if path:find('{public}', 1, true) then
    -- The arithmetic of registry.py: of twenty images in a row, the second to the fourth.
    local number = 20 * math.random(0, math.floor(images / 20) - 1) + math.random(1, 3)
    asked = path:gsub('{public}', string.format('00000000-0000-4000-8000-%012d', number))
  end
  asked_for = asked_for % 1000 + 1
  wrk.headers['X-Auth-Token'] = token:gsub('{user}', asked_for)
  return wrk.format(method, asked)
end

function done(summary, latency)
  local errors = summary.errors
  print(string.format(
    '{"requests": %d, "seconds": %f, "p50_ms": %f, "p99_ms": %f, "errors": %d}',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1000, latency:percentile(99) / 1000,
    errors.connect + errors.read + errors.write + errors.status + errors.timeout))
end
