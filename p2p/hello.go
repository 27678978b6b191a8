package p2p

// Limits of the texts in a hello, bytes.
const (
	maxRole  = 32
	maxAgent = 128
)
