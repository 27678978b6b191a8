package main

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/distillmesh/distillmesh/distill/text"
	"github.com/distillmesh/distillmesh/node/api"
	"github.com/distillmesh/distillmesh/node/jobs"
	"github.com/distillmesh/distillmesh/node/operations"
)

func (a *app) modelsCommand() *cobra.Command {
	return group("models", "Models: list, show, evaluate", a.modelsListCommand(), a.modelsShowCommand(),
		a.modelsEvalCommand())
}

func (a *app) modelsListCommand() *cobra.Command {
	return a.readFlags(&cobra.Command{Use: "ls", Short: "List models here and on the mesh", Args: args(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.with(cmd.Context(), func(conn api.Conn) error {
				all, err := operations.Models.Do(cmd.Context(), conn, api.None{}, nil)
				if err != nil {
					return err
				}
				if a.json {
					return a.document(map[string]any{"models": nonNil(all)})
				}
				var rows [][]string
				for _, m := range all {
					if a.quiet {
						a.print("%s", m.CID)
					}
					acc := "-"
					if m.Accuracy != nil {
						acc = fmt.Sprintf("%.2f%%", 100*float64(m.Accuracy.Correct)/float64(m.Accuracy.Total))
					}
					rows = append(rows, []string{short(m.CID), m.TaskName, m.Model, strconv.Itoa(m.Sets),
						strings.ReplaceAll(text.Bytes(m.Bytes), " ", ""), acc, yes(m.Here), short(m.Signer)})
				}
				if !a.quiet {
					a.table("CID TASK MODEL SETS BYTES ACCURACY HERE SIGNER", rows)
				}
				return nil
			})
		}}, true)
}

func (a *app) modelsShowCommand() *cobra.Command {
	c := a.showCommand()
	c.Short = "Show a model that is here"
	return c
}

func (a *app) modelsEvalCommand() *cobra.Command {
	dataName := ""
	c := &cobra.Command{Use: "eval CID", Short: "Evaluate a model on local test data", Args: args(1, 1),
		RunE: func(cmd *cobra.Command, argv []string) error {
			return a.with(cmd.Context(), func(conn api.Conn) error {
				got, err := jobs.Evaluate(cmd.Context(), conn, argv[0], dataName, a.report)
				if err != nil {
					return err
				}
				a.finish()
				if a.json {
					return a.document(got)
				}
				a.print("%.4f", got.Accuracy)
				a.tell("%s on the test part of %s: %d of %d", got.Model, got.Data, got.Measured.Correct, got.Measured.Total)
				return nil
			})
		}}
	c.Flags().StringVar(&dataName, "data", "", "the registered data set to evaluate on (default: any of the task)")
	return a.readFlags(c, false)
}
