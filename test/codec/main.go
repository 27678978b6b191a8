// Command codec measures the frequency code on real data: bytes and distortion beside
// PNG, JPEG and zstd, speed, and the accuracy that random real images give at equal
// bytes, beside tiles, on held-out training samples. Without DISTILLMESH_DATA it says so and does
// nothing.
//
//	go run ./test/codec [-data mnist,fashion-mnist,cifar-10]
//	go run ./test/codec -accuracy -data mnist [-bytes 192,784] [-codes K:POWER:STEP,...] [-models lenet]
//	  [-seeds 3] [-steps 1500]
package main

import (
	"flag"
	"fmt"
	"github.com/distillmesh/distillmesh/train/spectrum"
	"os"
	"strconv"
	"strings"

	"github.com/distillmesh/distillmesh/test/real"
	"github.com/distillmesh/distillmesh/train/data"
)

func main() {
	sets := flag.String("data", "mnist,fashion-mnist,cifar-10", "data sets")
	accurate := flag.Bool("accuracy", false, "train on coded images")
	budgets := flag.String("bytes", "", "bytes of payload per client")
	codes := flag.String("codes", "", "K:POWER:STEP,...")
	models := flag.String("models", "", "networks")
	seeds := flag.Int("seeds", 3, "runs of each setting")
	steps := flag.Int("steps", 1500, "steps of training")
	flag.Parse()
	root := os.Getenv("DISTILLMESH_DATA")
	if root == "" {
		fmt.Println("needs real data: set DISTILLMESH_DATA")
		return
	}
	for name := range strings.SplitSeq(*sets, ",") {
		b, err := open(root, name)
		if err == nil && *accurate {
			err = b.accuracy(*models, *budgets, *codes, *seeds, *steps)
		} else if err == nil {
			err = b.rates()
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, "codec:", err)
			os.Exit(1)
		}
	}
}

// bench is a data set of which a part of the training samples is held out.
type bench struct {
	*real.Data
	train, held *data.Samples
}

// heldOut is the share of the training samples that settings are chosen on.
const heldOut = 0.1

func open(root, name string) (*bench, error) {
	d, err := real.Open(root, name)
	if err != nil {
		return nil, err
	}
	train, held := data.Holdout(d.Train.Y, d.Train.Classes, heldOut, 0)
	return &bench{d, d.Train.Subset(train), d.Train.Subset(held)}, nil
}

// parse reads K:POWER:STEP.
func parse(word string, shape data.Shape) (spectrum.Code, error) {
	fields := strings.Split(word, ":")
	if len(fields) != 3 {
		return spectrum.Code{}, fmt.Errorf("code %q: want K:POWER:STEP", word)
	}
	k, err := strconv.Atoi(fields[0])
	if err != nil {
		return spectrum.Code{}, err
	}
	power, err := strconv.Atoi(fields[1])
	if err != nil {
		return spectrum.Code{}, err
	}
	step, err := strconv.ParseFloat(fields[2], 32)
	return spectrum.Code{Shape: shape, K: k, Power: power, Step: float32(step)}, err
}
