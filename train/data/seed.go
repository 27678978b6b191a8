package data

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
)

// Stream is the random stream for one purpose: a PCG seeded by the first 16
// bytes of SHA-256 over (seed, purpose, keys), so that streams for different
// purposes, clients or steps never share draws and never depend on the order
// in which they are used.
func Stream(seed uint64, purpose string, keys ...uint64) *rand.Rand {
	h := sha256.New()
	fmt.Fprintf(h, "%d\x00%s", seed, purpose)
	var word [8]byte
	for _, k := range keys {
		binary.LittleEndian.PutUint64(word[:], k)
		h.Write(word[:])
	}
	sum := h.Sum(nil)
	return rand.New(rand.NewPCG(binary.LittleEndian.Uint64(sum[:8]), binary.LittleEndian.Uint64(sum[8:16])))
}
