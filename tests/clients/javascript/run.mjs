// Runs one scenario: `node run.mjs SCENARIO`. Its process ends with 0 where it passed, and says otherwise what failed.

import * as scenarios from "./scenarios.mjs";
import { World, hub, login } from "./world.mjs";

const { name } = await hub.whoAmI(login);
await scenarios[process.argv[2]](new World(name));
