package data

import (
	"crypto/sha256"
	"encoding/binary"
	"math/rand/v2"
	"strconv"
)

// Stream is the random stream for one purpose: a PCG seeded by the first 16
// bytes of SHA-256 over (seed, purpose, keys), so that streams for different
// purposes, clients or steps never share draws and never depend on the order
// in which they are used.
func Stream(seed uint64, purpose string, keys ...uint64) *rand.Rand {
	pcg := new(rand.PCG)
	Restart(pcg, seed, purpose, keys...)
	return rand.New(pcg)
}

// Restart begins the same stream as Stream on a generator of the caller without
// allocating, for streams that restart at every step.
func Restart(pcg *rand.PCG, seed uint64, purpose string, keys ...uint64) {
	var buffer [128]byte
	b := append(strconv.AppendUint(buffer[:0], seed, 10), 0)
	b = append(b, purpose...)
	for _, k := range keys {
		b = binary.LittleEndian.AppendUint64(b, k)
	}
	sum := sha256.Sum256(b)
	pcg.Seed(binary.LittleEndian.Uint64(sum[:8]), binary.LittleEndian.Uint64(sum[8:16]))
}
