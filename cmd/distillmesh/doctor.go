package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/distillmesh/distillmesh/node"
	"github.com/distillmesh/distillmesh/node/api"
	"github.com/distillmesh/distillmesh/node/doctor"
	"github.com/distillmesh/distillmesh/node/home"
)

func (a *app) doctorCommand() *cobra.Command {
	return a.readFlags(&cobra.Command{Use: "doctor", Short: "Check this node and say what to fix", Args: args(0, 0),
		Long: "Look at the home, the settings, the running node and its surroundings, and say what was seen, why it " +
			"matters and what\nfixes it. docs/problems.md lists the checks. Exits with 1 where something is wrong.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			rows := doctor.Examine(doctor.Gather(cmd.Context(), a.home,
				func(ctx context.Context, h home.Home) (api.Conn, error) {
					return node.ConnectNow(ctx, h, a.log)
				}))
			wrong, warnings := doctor.Count(rows, doctor.Error), doctor.Count(rows, doctor.Warning)
			if a.json {
				if err := a.document(map[string]any{"checks": rows, "errors": wrong, "warnings": warnings}); err != nil {
					return err
				}
			} else {
				a.showExamined(rows)
			}
			if wrong > 0 {
				return api.Fail(api.CodeFailed, "the fix is printed below each", "%s found", count(wrong, "error"))
			}
			return nil
		}}, false)
}

// showExamined prints a line for each check and, below each problem, why it matters
// and what to do.
func (a *app) showExamined(rows []doctor.Row) {
	for _, r := range rows {
		a.print("%-8s %-22s %s", r.State, r.Code, wrapped(r.Seen, helpWidth-32, "                                "))
		if r.Fix != "" {
			a.print("%-8s %-22s %s", "", "why", wrapped(r.Why, helpWidth-32, "                                "))
			a.print("%-8s %-22s %s", "", "fix", wrapped(r.Fix, helpWidth-32, "                                "))
		}
	}
	a.print("%d ok, %s, %s", doctor.Count(rows, doctor.OK), count(doctor.Count(rows, doctor.Warning), "warning"),
		count(doctor.Count(rows, doctor.Error), "error"))
}
