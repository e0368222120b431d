// A complete receiver of odoo_events in Java 17 or newer, no library: PORT=8080 SECRET=whsec_... STATE=seen.txt java Receiver.java
// For format binary: the attributes stand in headers ce-*, the body is the event's data, for the JSON library of your choice.
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.URLDecoder;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.util.Base64;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.Executors;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;

public class Receiver {
    static final byte[] KEY = Base64.getDecoder().decode(System.getenv("SECRET").substring("whsec_".length()));
    static final Set<String> seen = new HashSet<>();
    static final Map<String, String> last = new HashMap<>();
    static FileChannel file;

    record Event(String id, String type, String subject, String key, String sequence, byte[] data) {}

    /** Yours; it throws where it fails: the event comes again. */
    static void work(Event event) {
        System.out.println(event.type + " " + event.subject + " " + event.sequence);
    }

    static void note(String id, String sequence, String key) {
        seen.add(id);
        last.merge(key, sequence, (a, b) -> a.compareTo(b) > 0 ? a : b);
    }

    /** Remembers what was done, on disk: with a database, write this and your work in one transaction instead. One after another. */
    static synchronized void take(Event event) throws IOException {
        if (seen.contains(event.id)) return;                // a duplicate, or a replay
        if (event.sequence.compareTo(last.getOrDefault(event.key, "")) > 0) work(event);
        // else it is older than what this document already shows: a dead letter that was replayed late
        file.write(ByteBuffer.wrap((event.id + "\t" + event.sequence + "\t" + event.key + "\n").getBytes(StandardCharsets.UTF_8)));
        file.force(false);
        note(event.id, event.sequence, event.key);
    }

    static boolean signed(HttpExchange request, byte[] body) throws GeneralSecurityException {
        String id = header(request, "webhook-id"), stamp = header(request, "webhook-timestamp"), signatures = header(request, "webhook-signature");
        if (id.isEmpty() || !stamp.matches("[0-9]{1,12}") || Math.abs(System.currentTimeMillis() / 1000 - Long.parseLong(stamp)) > 300) return false;
        Mac mac = Mac.getInstance("HmacSHA256");
        mac.init(new SecretKeySpec(KEY, "HmacSHA256"));
        mac.update((id + "." + stamp + ".").getBytes(StandardCharsets.UTF_8));
        byte[] want = ("v1," + Base64.getEncoder().encodeToString(mac.doFinal(body))).getBytes(StandardCharsets.UTF_8);
        for (String given : signatures.split(" "))         // several while a secret is being rotated
            if (MessageDigest.isEqual(want, given.getBytes(StandardCharsets.UTF_8))) return true;
        return false;
    }

    static String header(HttpExchange request, String name) {
        String value = request.getRequestHeaders().getFirst(name);
        return value == null ? "" : value;
    }

    /** Attributes in headers are percent-encoded. */
    static String attribute(HttpExchange request, String name) {
        return URLDecoder.decode(header(request, name).replace("+", "%2B"), StandardCharsets.UTF_8);
    }

    static int receive(HttpExchange request) {
        try {
            byte[] body = request.getRequestBody().readNBytes(64 * 1024 * 1024 + 1);
            if (!request.getRequestMethod().equals("POST")) return 405;
            if (body.length > 64 * 1024 * 1024) return 413;
            if (!signed(request, body)) return 401;
            Event event = new Event(attribute(request, "ce-id"), attribute(request, "ce-type"), attribute(request, "ce-subject"),
                attribute(request, "ce-partitionkey"), attribute(request, "ce-sequence"), body);
            if (!event.id.equals(header(request, "webhook-id"))) return 400;       // the id is signed, the other headers are TLS's business
            take(event);
            return 204;
        } catch (Exception error) {                         // whatever your work throws: not acknowledged
            System.err.println(error);
            return 500;
        }
    }

    public static void main(String[] args) throws IOException {
        Path path = Path.of(System.getenv().getOrDefault("STATE", "seen.txt"));
        file = FileChannel.open(path, StandardOpenOption.CREATE, StandardOpenOption.APPEND);
        for (String line : Files.readAllLines(path)) {
            String[] words = line.split("\t", 3);
            note(words[0], words[1], words[2]);
        }
        HttpServer server = HttpServer.create(new InetSocketAddress(System.getenv().getOrDefault("HOST", "127.0.0.1"),
            Integer.parseInt(System.getenv().getOrDefault("PORT", "8080"))), 0);
        server.setExecutor(Executors.newFixedThreadPool(16));
        server.createContext("/", request -> {
            request.sendResponseHeaders(receive(request), -1);
            request.close();
        });
        server.start();
    }
}
