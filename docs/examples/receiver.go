// A receiver of odoo_events in Go 1.19 or newer, standard library only: PORT=8080 SECRET=whsec_... go run receiver.go
package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"
)

var key []byte

type event struct {
	ID, Type, Subject, Sequence, PartitionKey string
	Data                                      json.RawMessage
}

func signed(header http.Header, body []byte) bool {
	stamp, err := strconv.ParseInt(header.Get("webhook-timestamp"), 10, 64)
	if err != nil {
		return false
	}
	mac := hmac.New(sha256.New, key)
	fmt.Fprintf(mac, "%s.%s.", header.Get("webhook-id"), header.Get("webhook-timestamp"))
	mac.Write(body)
	want := "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
	age := time.Since(time.Unix(stamp, 0))
	for _, given := range strings.Fields(header.Get("webhook-signature")) {
		if hmac.Equal([]byte(want), []byte(given)) {
			return age.Abs() <= 5*time.Minute
		}
	}
	return false
}

func hook(response http.ResponseWriter, request *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(response, request.Body, 4<<20))
	if err != nil {
		http.Error(response, err.Error(), http.StatusRequestEntityTooLarge)
		return
	}
	if !signed(request.Header, body) {
		response.WriteHeader(http.StatusUnauthorized)
		return
	}
	var e event
	if err := json.Unmarshal(body, &e); err != nil {
		http.Error(response, err.Error(), http.StatusInternalServerError)
		return
	}
	fmt.Println(e.Type, e.Subject) // yours: deduplicate by e.ID, in the transaction of your work
	response.WriteHeader(http.StatusNoContent)
}

func main() {
	var err error
	if key, err = base64.StdEncoding.DecodeString(strings.TrimPrefix(os.Getenv("SECRET"), "whsec_")); err != nil {
		log.Fatal("SECRET: ", err)
	}
	http.HandleFunc("/hook", hook)
	log.Fatal(http.ListenAndServe(":"+os.Getenv("PORT"), nil))
}
