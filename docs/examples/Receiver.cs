// A complete receiver of odoo_events in C#, for .NET or Mono, no library: PORT=8080 SECRET=whsec_... STATE=seen.txt
// For format binary: the attributes stand in headers ce-*, the body is the event's data, for the JSON library of your choice.
using System;
using System.Collections.Generic;
using System.IO;
using System.Net;
using System.Security.Cryptography;
using System.Text;
using System.Threading;

class Event
{
    public string Id, Type, Subject, Key, Sequence;
    public byte[] Data;
}

static class Receiver
{
    const int MaxLength = 64 * 1024 * 1024;
    static readonly byte[] key = Convert.FromBase64String(Environment.GetEnvironmentVariable("SECRET").Substring("whsec_".Length));
    static readonly HashSet<string> seen = new HashSet<string>();
    static readonly Dictionary<string, string> last = new Dictionary<string, string>();
    static FileStream file;

    // Yours; it throws where it fails: the event comes again.
    static void Work(Event e)
    {
        Console.WriteLine(e.Type + " " + e.Subject + " " + e.Sequence);
        Console.Out.Flush();
    }

    static string Last(string document)
    {
        string sequence;
        return last.TryGetValue(document, out sequence) ? sequence : "";
    }

    static void Note(string id, string sequence, string document)
    {
        seen.Add(id);
        if (string.CompareOrdinal(sequence, Last(document)) > 0) last[document] = sequence;
    }

    // Remembers what was done, on disk: with a database, write this and your work in one transaction instead.  One after another.
    static void Take(Event e)
    {
        lock (seen)
        {
            if (seen.Contains(e.Id)) return;                // a duplicate, or a replay
            if (string.CompareOrdinal(e.Sequence, Last(e.Key)) > 0) Work(e);
            // else it is older than what this document already shows: a dead letter that was replayed late
            byte[] line = Encoding.UTF8.GetBytes(e.Id + "\t" + e.Sequence + "\t" + e.Key + "\n");
            file.Write(line, 0, line.Length);
            file.Flush(true);
            Note(e.Id, e.Sequence, e.Key);
        }
    }

    static bool Same(byte[] a, byte[] b)
    {
        int differs = a.Length ^ b.Length;
        for (int i = 0; i < a.Length && i < b.Length; i++) differs |= a[i] ^ b[i];
        return differs == 0;
    }

    static bool Signed(HttpListenerRequest request, byte[] body)
    {
        string id = request.Headers["webhook-id"], stamp = request.Headers["webhook-timestamp"], signatures = request.Headers["webhook-signature"];
        long seconds;
        if (id == null || signatures == null || !long.TryParse(stamp, out seconds)) return false;
        if (Math.Abs((DateTime.UtcNow - new DateTime(1970, 1, 1, 0, 0, 0, DateTimeKind.Utc)).TotalSeconds - seconds) > 300) return false;
        byte[] head = Encoding.UTF8.GetBytes(id + "." + stamp + "."), message = new byte[head.Length + body.Length];
        head.CopyTo(message, 0);
        body.CopyTo(message, head.Length);
        using (HMACSHA256 hmac = new HMACSHA256(key))
        {
            byte[] want = Encoding.UTF8.GetBytes("v1," + Convert.ToBase64String(hmac.ComputeHash(message)));
            foreach (string given in signatures.Split(' ')) // several while a secret is being rotated
                if (Same(want, Encoding.UTF8.GetBytes(given))) return true;
        }
        return false;
    }

    // Attributes in headers are percent-encoded.
    static string Attribute(HttpListenerRequest request, string name)
    {
        return Uri.UnescapeDataString(request.Headers[name] ?? "");
    }

    static int Receive(HttpListenerRequest request)
    {
        try
        {
            if (request.HttpMethod != "POST") return 405;
            if (request.ContentLength64 > MaxLength) return 413;
            MemoryStream body = new MemoryStream();
            request.InputStream.CopyTo(body);
            if (!Signed(request, body.ToArray())) return 401;
            Event e = new Event { Id = Attribute(request, "ce-id"), Type = Attribute(request, "ce-type"), Subject = Attribute(request, "ce-subject"),
                Key = Attribute(request, "ce-partitionkey"), Sequence = Attribute(request, "ce-sequence"), Data = body.ToArray() };
            if (e.Id != request.Headers["webhook-id"]) return 400;      // the id is signed, the other headers are TLS's business
            Take(e);
            return 204;
        }
        catch (Exception error)                             // whatever your work throws: not acknowledged
        {
            Console.Error.WriteLine(error);
            return 500;
        }
    }

    static void Main()
    {
        file = new FileStream(Environment.GetEnvironmentVariable("STATE") ?? "seen.txt", FileMode.OpenOrCreate, FileAccess.ReadWrite);
        StreamReader reader = new StreamReader(file, Encoding.UTF8);
        for (string line = reader.ReadLine(); line != null; line = reader.ReadLine())
        {
            string[] words = line.Split(new[] { '\t' }, 3);
            Note(words[0], words[1], words[2]);
        }
        file.Seek(0, SeekOrigin.End);
        HttpListener server = new HttpListener();
        server.Prefixes.Add("http://" + (Environment.GetEnvironmentVariable("HOST") ?? "127.0.0.1") + ":" + (Environment.GetEnvironmentVariable("PORT") ?? "8080") + "/");
        server.Start();
        for (;;)
        {
            HttpListenerContext context = server.GetContext();
            ThreadPool.QueueUserWorkItem(delegate
            {
                context.Response.StatusCode = Receive(context.Request);
                context.Response.Close();
            });
        }
    }
}
