<?php
// A receiver of odoo_events in PHP 8: behind any web server, or to try it: SECRET=whsec_... php -S 127.0.0.1:8080 receiver.php
declare(strict_types=1);

function signed(string $body): bool
{
    $id = $_SERVER['HTTP_WEBHOOK_ID'] ?? '';
    $stamp = $_SERVER['HTTP_WEBHOOK_TIMESTAMP'] ?? '';
    $key = base64_decode(preg_replace('/^whsec_/', '', (string) getenv('SECRET')));
    $want = 'v1,' . base64_encode(hash_hmac('sha256', "$id.$stamp.$body", $key, true));
    foreach (explode(' ', $_SERVER['HTTP_WEBHOOK_SIGNATURE'] ?? '') as $given) {
        if (hash_equals($want, $given)) {
            return abs(time() - (int) $stamp) <= 300;
        }
    }
    return false;
}

$body = file_get_contents('php://input');      // the bytes as they came: $_POST has nothing of a JSON body
if ($_SERVER['REQUEST_METHOD'] !== 'POST' || !signed($body)) {
    http_response_code(401);
    exit;
}
$event = json_decode($body, true, 512, JSON_THROW_ON_ERROR | JSON_BIGINT_AS_STRING);
error_log($event['type'] . ' ' . $event['subject']);       // yours: deduplicate by $event['id'], in the transaction of your work
http_response_code(204);
