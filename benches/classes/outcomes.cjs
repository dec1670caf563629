// Counts what each request was answered with: `outcome.apply.409.CLASS_FULL`, `outcome.apply.201.APPROVED`.

module.exports = { count };

function count(request, response, _context, events, next) {
    let word = "";
    try {
        const body = JSON.parse(response.body);
        word = body.error?.code ?? body.data?.status ?? "ok";
    } catch {
        word = "no JSON";
    }
    events.emit("counter", `outcome.${request.name}.${response.statusCode}.${word}`, 1);
    return next();
}
