// Command distillmesh is a node of a peer-to-peer mesh that trains on distilled
// data sets, and the verbs to work with it.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

func main() { os.Exit(Main(os.Args[1:])) }

// Main runs one verb and returns the exit code. The first Ctrl-C stops cleanly,
// the second at once.
func Main(args []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal meets the default action
	return execute(ctx, args, os.Stdout, os.Stderr)
}
